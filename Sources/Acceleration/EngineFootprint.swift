public import Serving

/// What an engine takes of memory besides weights, cache and compute buffers.
///
/// Measured: llama.cpp by `apus-benchmarks forecast` (37 starts of xllamacpp 2026.10 on AVX2), vLLM on a processor
/// (three processes with PyTorch in each: 2.3 GB resident with a model of 0.1 GB). Not measured: SGLang and TensorRT-LLM,
/// which are made alike and taken as vLLM. An engine that is not listed is taken as llama.cpp. What is wrong about all of
/// this is learned (`MemoryCorrections`).
public struct EngineFootprint: Hashable, Sendable {
  /// Code, runtime and server, in bytes.
  var processBytes: Double
  /// Bookkeeping and buffers of each loaded model that do not grow with anything, in bytes.
  var bytesPerModel: Double
  /// Weight types that are laid out anew for the processor's vector units, by how often their bytes are then in memory:
  /// the mapped file stays beside the copy.
  var copiesOfWeights: [String: Double]
  /// Requests it serves at once where the configuration does not say; its cache has room for as many.
  public var defaultSlotCount = 1
  /// Of GPUs' memory, what it reserves when it starts, whatever it needs; 0 for one that takes what it needs.
  var reservedAcceleratorShare = 0.0

  /// What a process that computes on a GPU takes of its memory before any model, and what the GPU's driver and libraries
  /// take of main memory (measured: llama.cpp with CUDA 13 on an H100, five models).
  static let contextBytes = 650e6
  static let driverBytes = 270e6

  public static func of(_ engine: EngineName) -> EngineFootprint { known[engine] ?? llamaCpp }

  func weightBytes(_ model: ModelProfile) -> Double {
    Double(model.weightBytes) * (copiesOfWeights[model.weightType] ?? 1)
  }

  static let llamaCpp = EngineFootprint(processBytes: 30e6, bytesPerModel: 10e6, copiesOfWeights: ["Q4_0": 1.75])

  /// Such a server batches whatever comes, up to hundreds of requests. Room for 16 is kept, more than a benchmark here
  /// fills; with less room than requests it lets some wait.
  static let pyTorch = EngineFootprint(
    processBytes: 2200 * 1_048_576, bytesPerModel: 10e6, copiesOfWeights: [:], defaultSlotCount: 16,
    reservedAcceleratorShare: 0.9)

  private static let known: [EngineName: EngineFootprint] = [
    EngineName("vllm"): pyTorch, EngineName("sglang"): pyTorch, EngineName("trtllm"): pyTorch,
  ]
}

public import Serving

/// A configuration read once into typed values, with the engine's defaults filled in: what estimates and features use.
///
/// Knobs that Apus does not know are ignored; a value of another type than the knob's is taken as the default, one out
/// of its range as the range's end: stored and imported configurations come through here.
public struct EngineSettings: Hashable, Sendable {
  public enum Speculation: Hashable, Sendable { case none, draftModel, ngram, ngramMap, ngramCache, eagle, mtp }

  public var slotCount = 1
  public var isPrefixCaching = true
  /// Most tokens in one prefill step: llama.cpp's default (`CommonParams.n_batch`, xllamacpp 2026.10).
  public var batchTokens = 2048
  public var microBatchTokens = EngineDefaults.microBatchTokens
  /// Bytes of one cached element.
  public var keyElementBytes = ElementType.half
  public var valueElementBytes = ElementType.half
  public var speculation = Speculation.none
  /// 0 without speculation.
  public var draftTokens = 0
  public var ngramSize = 0
  /// Nil when the engine decides.
  public var flashAttention: Bool?
  public var threadCount: Int
  /// Threads that read prompts; `threadCount` where the configuration does not say.
  public var batchThreadCount: Int
  /// Nil when the engine decides. 0 keeps ended requests nowhere.
  public var hostCacheMiB: Int?
  /// Least probability at which a draft goes on, 0...1.
  public var draftMinProbability = 0.0
  /// Vector bits of the build for a processor that runs: 0 for the engine's own, 256, 512, and 1024 for AMX tiles.
  public var buildBits = 0
  /// Nil when the engine decides.
  public var gpuLayers: Int?
  /// Layers whose experts stay on the processor.
  public var expertCPULayers = 0
  /// Of all experts, what `tensor_overrides` leaves on the processor, 0...1; 0 for patterns that no method proposes.
  var expertShareOnCPU = 0.0
  public var tensorParallel = 1
  public var pipelineParallel = 1
  public var dataParallel = 1
  public var isExpertParallel = false
  /// Nil when the engine decides.
  public var graphCapture: Bool?
  /// A `ModelID` in text; nil for the asked model.
  public var weightVariant: String?
  public var draftModel: String?

  /// - Parameter coreCount: the default for threads.
  public init(_ configuration: EngineConfiguration, coreCount: Int) {
    threadCount = max(1, coreCount)
    batchThreadCount = 0
    slotCount = EngineFootprint.of(configuration.engine).defaultSlotCount
    // One pass over the few knobs that are set; this runs for every candidate of every recommendation.
    for (knob, value) in configuration.knobs {
      switch knob {
      case .slotCount: slotCount = min(max(1, value.intValue ?? slotCount), 1024)
      case .prefixCaching: isPrefixCaching = value.boolValue ?? isPrefixCaching
      case .batchTokens: batchTokens = min(max(1, value.intValue ?? batchTokens), 1 << 20)
      case .microBatchTokens:
        microBatchTokens = min(max(1, value.intValue ?? microBatchTokens), 1 << 20)
      case .keyCacheType: keyElementBytes = ElementType.bytes(value)
      case .valueCacheType: valueElementBytes = ElementType.bytes(value)
      case .speculation:
        switch value.textValue {
        case "draft-model": speculation = .draftModel
        case "n-gram": speculation = .ngram
        case "n-gram-map": speculation = .ngramMap
        case "n-gram-cache": speculation = .ngramCache
        case "eagle": speculation = .eagle
        case "mtp": speculation = .mtp
        default: break
        }
      case .draftTokens: draftTokens = min(max(0, value.intValue ?? 0), 1024)
      case .ngramSize: ngramSize = min(max(0, value.intValue ?? 0), 1024)
      case .flashAttention: flashAttention = value.boolValue
      case .threadCount: threadCount = min(max(1, value.intValue ?? threadCount), 4096)
      case .batchThreadCount: batchThreadCount = min(max(1, value.intValue ?? 0), 4096)
      case .hostCacheMiB: hostCacheMiB = value.intValue.map { min(max(0, $0), 1 << 24) }
      case .draftMinProbability: draftMinProbability = min(max(0, value.number ?? 0), 1)
      case .isaBuild: buildBits = ["avx2": 256, "avx512": 512, "amx": 1024][value.textValue ?? ""] ?? 0
      case .gpuLayers: gpuLayers = value.intValue.map { min(max(0, $0), 4096) }
      case .expertCPULayers: expertCPULayers = min(max(0, value.intValue ?? 0), 4096)
      case .tensorOverrides: expertShareOnCPU = value.textValue == ExpertOffload.downMatrices ? 1.0 / 3 : 0
      case .tensorParallel: tensorParallel = min(max(1, value.intValue ?? 1), 1024)
      case .pipelineParallel: pipelineParallel = min(max(1, value.intValue ?? 1), 1024)
      case .dataParallel: dataParallel = min(max(1, value.intValue ?? 1), 1024)
      case .expertParallel: isExpertParallel = value.boolValue ?? false
      case .graphCapture: graphCapture = value.boolValue
      case .weightVariant: weightVariant = value.textValue
      case .draftModel: draftModel = value.textValue
      default: break
      }
    }
    if batchThreadCount == 0 { batchThreadCount = threadCount }
    if speculation == .none {
      draftTokens = 0
    } else if draftTokens == 0 {
      draftTokens = speculation == .ngramCache ? EngineDefaults.ngramCacheTokens : EngineDefaults.draftTokens
    }
  }
}

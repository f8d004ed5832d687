public import Serving

/// Computes layers on GPUs: all of them, or as many as fit beside what else is there.
public struct GPUOffload: AccelerationMethod {
  static let methodName = MethodName("gpu-offload")

  public let name = methodName
  public let summary = "Computes some or all layers on GPUs (llama.cpp --n-gpu-layers)."
  /// The same sums by other kernels.
  public let fidelity = Fidelity.exact
  public let knobs: Set<KnobName> = [.gpuLayers]

  public init() {}

  public func settings(in context: AccelerationContext) -> [MethodSetting] {
    if let reason = context.noAccelerators { return [.refused(reason)] }
    // The output layer counts as one more.
    let all = context.model.layerCount + 1
    let device = context.hardware.accelerators.reduce(0) { $0 + $1.memoryBytes }
    let fits = MemoryEstimate(EngineConfiguration(engine: context.engine), in: context).totalBytes <= device
    return [
      MethodSetting(
        [.gpuLayers: .int(all)],
        refusedReason: fits ? nil : "all layers do not fit the \(MemoryEstimate.megabytes(device)) of the GPUs"),
      MethodSetting([.gpuLayers: .int(all / 2)]),
      MethodSetting([.gpuLayers: .int(0)]),
    ]
  }
}

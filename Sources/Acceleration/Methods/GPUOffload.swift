public import Serving

/// Computes fewer layers on GPUs than the engine would by itself, which takes as many as fit.
///
/// Worth a trial for models that the GPU computes no faster than the processor, and to keep a GPU's memory for others.
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
    return [MethodSetting([.gpuLayers: .int(all / 2)]), MethodSetting([.gpuLayers: .int(0)])]
  }
}

public import Serving

/// Leaves the experts of a mixture on the processor while everything else is on the GPU: few of them are used for a
/// token, so they cost little time for the memory they free.
public struct ExpertOffload: AccelerationMethod {
  static let methodName = MethodName("expert-offload")
  /// The largest of an expert's three matrices only, of every layer.
  static let downMatrices = #"blk\..*\.ffn_down_exps\.=CPU"#

  public let name = methodName
  public let summary =
    "Leaves experts of a mixture on the processor (llama.cpp --n-cpu-moe, --override-tensor; KTransformers, SOSP 2025)."
  public let fidelity = Fidelity.exact
  public let knobs: Set<KnobName> = [.expertCPULayers, .tensorOverrides]

  public init() {}

  public func settings(in context: AccelerationContext) -> [MethodSetting] {
    guard context.model.isMixtureOfExperts else { return [.refused("\(context.model.name) has no experts")] }
    if let reason = context.noAccelerators { return [.refused(reason)] }
    let layers = context.model.layerCount
    return [
      MethodSetting([.expertCPULayers: .int(layers)]),
      MethodSetting([.expertCPULayers: .int(max(1, layers / 2))]),
      MethodSetting([.tensorOverrides: .text(Self.downMatrices)]),
    ]
  }
}

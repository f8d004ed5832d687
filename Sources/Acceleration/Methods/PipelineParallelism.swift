public import Serving

/// Gives each GPU a run of layers; a step passes through all of them.
public struct PipelineParallelism: AccelerationMethod {
  static let methodName = MethodName("pipeline-parallelism")

  public let name = methodName
  public let summary = "Gives each GPU a run of layers (GPipe, NeurIPS 2019; vLLM --pipeline-parallel-size)."
  public let fidelity = Fidelity.exact
  public let knobs: Set<KnobName> = [.pipelineParallel]

  public init() {}

  public func settings(in context: AccelerationContext) -> [MethodSetting] {
    if let reason = context.fewAccelerators(2) { return [.refused(reason)] }
    return context.partCounts.map { parts in
      MethodSetting(
        [.pipelineParallel: .int(parts)],
        refusedReason: parts <= context.model.layerCount
          ? nil : "\(context.model.layerCount) layers do not fill \(parts) stages")
    }
  }
}

public import Serving

/// Splits every layer over several GPUs.
public struct TensorParallelism: AccelerationMethod {
  static let methodName = MethodName("tensor-parallelism")

  public let name = methodName
  public let summary = "Splits every layer over several GPUs (Megatron-LM, 2019; vLLM --tensor-parallel-size)."
  public let fidelity = Fidelity.exact
  public let knobs: Set<KnobName> = [.tensorParallel]

  public init() {}

  public func settings(in context: AccelerationContext) -> [MethodSetting] {
    if let reason = context.fewAccelerators(2) { return [.refused(reason)] }
    let model = context.model
    return context.partCounts.map { parts in
      let divides =
        model.headCount.isMultiple(of: parts)
        && (model.keyValueHeadCount.isMultiple(of: parts) || parts.isMultiple(of: max(1, model.keyValueHeadCount)))
      return MethodSetting(
        [.tensorParallel: .int(parts)],
        refusedReason: divides ? nil : "\(model.headCount) heads do not divide into \(parts) parts")
    }
  }
}

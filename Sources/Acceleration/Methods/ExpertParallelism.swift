public import Serving

/// Gives each GPU whole experts in place of a slice of every one.
public struct ExpertParallelism: AccelerationMethod {
  static let methodName = MethodName("expert-parallelism")

  public let name = methodName
  public let summary =
    "Gives each GPU whole experts in place of slices (GShard, ICLR 2021; vLLM --enable-expert-parallel)."
  public let fidelity = Fidelity.exact
  public let knobs: Set<KnobName> = [.expertParallel, .tensorParallel]

  public init() {}

  public func settings(in context: AccelerationContext) -> [MethodSetting] {
    let model = context.model
    guard model.isMixtureOfExperts else { return [.refused("\(model.name) has no experts")] }
    if let reason = context.fewAccelerators(2) { return [.refused(reason)] }
    return context.partCounts.map { parts in
      MethodSetting(
        [.expertParallel: .bool(true), .tensorParallel: .int(parts)],
        refusedReason: model.expertCount >= parts ? nil : "\(model.expertCount) experts are fewer than \(parts) parts")
    }
  }
}

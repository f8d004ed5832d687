public import Serving

/// Runs copies of the model that share the requests.
public struct DataParallelism: AccelerationMethod {
  static let methodName = MethodName("data-parallelism")

  public let name = methodName
  public let summary = "Runs a copy of the model on each GPU, which share the requests (vLLM --data-parallel-size)."
  public let fidelity = Fidelity.exact
  public let knobs: Set<KnobName> = [.dataParallel]

  public init() {}

  public func settings(in context: AccelerationContext) -> [MethodSetting] {
    if let reason = context.fewAccelerators(2) { return [.refused(reason)] }
    guard context.workload.concurrency > 1 || context.workload.arrivalRate != nil else {
      return [.refused("one request at a time keeps one copy busy")]
    }
    return context.partCounts.map { MethodSetting([.dataParallel: .int($0)]) }
  }
}

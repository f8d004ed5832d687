public import Serving

/// Computes with fewer threads than the worker has cores.
///
/// Worth a trial where cores share execution units (hyper-threads) or a memory bus that fewer threads fill: measured
/// on two such cores, one thread was as fast as two. All cores is every engine's default here, so it is no setting.
public struct ThreadCount: AccelerationMethod {
  static let methodName = MethodName("thread-count")

  public let name = methodName
  public let summary = "Computes with fewer threads than cores (llama.cpp --threads)."
  public let fidelity = Fidelity.exact
  public let knobs: Set<KnobName> = [.threadCount]

  public init() {}

  public func settings(in context: AccelerationContext) -> [MethodSetting] {
    let cores = context.hardware.coreCount
    guard cores > 1 else { return [.refused("the worker has one core")] }
    // Half of them first: on hyper-threaded machines that is one for each real core.
    return (cores / 2 > 1 ? [cores / 2, 1] : [1]).map { MethodSetting([.threadCount: .int($0)]) }
  }
}

public import Serving

/// Keeps compute threads on cores of their own, so that the kernel does not move them away from their caches.
public struct ThreadAffinity: AccelerationMethod {
  static let methodName = MethodName("thread-affinity")
  /// Cores from which a thread has somewhere to be moved to, and half of the cores is still more than one; chosen.
  static let fewestCores = 4

  public let name = methodName
  public let summary =
    "Keeps the engine on chosen cores of the worker (sched_setaffinity(2); vLLM VLLM_CPU_OMP_THREADS_BIND)."
  public let fidelity = Fidelity.exact
  public let knobs: Set<KnobName> = [.threadAffinity, .threadCount]

  public init() {}

  public func settings(in context: AccelerationContext) -> [MethodSetting] {
    let cores = context.hardware.coreCount
    guard cores >= Self.fewestCores else {
      return [.refused("on \(cores) cores there is nowhere to keep threads away from")]
    }
    // The kernel numbers the first thread of every real core before the second ones on most machines.
    let half = cores / 2
    return [MethodSetting([.threadAffinity: .text("0-\(half - 1)"), .threadCount: .int(half)])]
  }
}

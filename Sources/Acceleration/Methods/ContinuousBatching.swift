public import Serving

/// Serves several requests in one pass over the weights: throughput for a little latency of each.
///
/// Measured with llama.cpp: 8 slots on 8 streams gave 1.5 to 1.8 times the tokens of one slot, but on 8 requests that
/// share a long prefix 0.3 times, as every slot computes the prefix for itself. Hence all sizes are candidates.
public struct ContinuousBatching: AccelerationMethod {
  static let methodName = MethodName("continuous-batching")
  /// Slots beyond this take memory that small machines do not have; chosen.
  static let mostSlots = 16

  public let name = methodName
  public let summary =
    "Serves several requests in one pass over the weights (Orca, OSDI 2022; llama.cpp --parallel)."
  public let fidelity = Fidelity.exact
  public let knobs: Set<KnobName> = [.slotCount]

  public init() {}

  public func settings(in context: AccelerationContext) -> [MethodSetting] {
    // An open loop has no fixed number in flight; a burst of arrivals is then the reason for slots.
    let concurrency =
      context.workload.arrivalRate == nil ? context.workload.concurrency : Self.mostSlots
    guard concurrency > 1 else {
      return [.refused("one request at a time leaves nothing to serve together")]
    }
    let most = min(concurrency, Self.mostSlots)
    var counts = [2, 4, 8, 16].filter { $0 <= most }
    if counts.last != most { counts.append(most) }
    return counts.reversed().map { MethodSetting([.slotCount: .int($0)]) }
  }
}

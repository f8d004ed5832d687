public import Serving

/// Saves the cache of every slot to disk when the engine stops, and restores it at the next start.
///
/// It spares the first requests after a start the reading of a prefix they share with the last ones before it. No trial
/// can show that: each of its blocks has a prefix of its own, made so that nothing an engine has kept helps it. So it is
/// no candidate, but the worker's option `restore_slots`, which gives it to jobs whatever their strategy is.
public struct SlotRestore: AccelerationMethod {
  static let methodName = MethodName("slot-restore")

  public let name = methodName
  public let summary =
    "Saves slots to disk at the end and restores them at the start (llama.cpp --slot-save-path, /slots?action=restore)."
  public let fidelity = Fidelity.exact
  public let knobs: Set<KnobName> = [.slotStore]

  public init() {}

  public func settings(in context: AccelerationContext) -> [MethodSetting] {
    guard context.workload.sharedPrefixShare > HostCache.leastShared else {
      return [.refused("requests share no prefix that a restored slot could hold")]
    }
    return [
      .refused(
        "a block of a benchmark has a prefix that no earlier engine has seen, so nothing is there to restore; jobs have "
          + "it where the worker's option restore_slots is true")
    ]
  }
}

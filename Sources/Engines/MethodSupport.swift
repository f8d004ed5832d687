/// What an engine's adapter can do of a method.
public enum MethodSupport: Hashable, Sendable {
  /// It has been run with it.
  case works
  /// Its flags were compared with the option list of a released package, and never run by Apus's own tests.
  ///
  /// - Parameter against: the package and its version, such as `sglang 0.5.9`.
  case flagChecked(against: String)
  /// It cannot be had with this engine.
  case notHere(reason: String)

  /// Why it cannot be had; nil when it can.
  public var absence: String? { if case .notHere(let reason) = self { reason } else { nil } }
}

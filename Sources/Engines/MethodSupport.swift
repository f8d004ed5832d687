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

  /// `works`, `flag checked` or `not here`.
  public var word: String {
    switch self {
    case .works: "works"
    case .flagChecked: "flag checked"
    case .notHere: "not here"
    }
  }

  /// What it was compared with, or why it cannot be had; nil when it works.
  public var note: String? {
    switch self {
    case .works: nil
    case .flagChecked(let package): "never run here; compared with \(package)"
    case .notHere(let reason): reason
    }
  }
}

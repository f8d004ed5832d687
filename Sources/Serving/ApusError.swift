/// The exit status a failure ends in (sysexits.h), which is also its class on the wire.
public enum FailureCode: Int32, Codable, Sendable, CaseIterable {
  case usage = 64
  case badInput = 65
  case unavailable = 69
  case bug = 70
  case disk = 74
  case tryAgain = 75
  case keyRefused = 77
}

/// A failure a person can act on: what happened, with which value, and what to do next.
public struct ApusError: Error, Hashable, Codable, Sendable, CustomStringConvertible {
  public var code: FailureCode
  /// What happened, with the value.
  public var reason: String
  /// What to do next; empty when nothing helps.
  public var advice: String

  public init(_ code: FailureCode, _ reason: String, advice: String = "") {
    self.code = code
    self.reason = reason
    self.advice = advice
  }

  public var isRetriable: Bool { code == .tryAgain || code == .unavailable }
  public var description: String { advice.isEmpty ? reason : "\(reason)\n  next: \(advice)" }
}

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

/// What a failure is about, where a program is to tell it from others of its class without reading its words.
public enum FailureKind: String, Hashable, Codable, Sendable, CaseIterable {
  /// Prompt and answer do not fit the model's context.
  case contextExceeded = "context_exceeded"
  /// Nothing here can do what is asked with tools.
  case toolsRefused = "tools_refused"
}

/// A failure a person can act on: what happened, with which value, and what to do next.
public struct ApusError: Error, Hashable, Codable, Sendable, CustomStringConvertible {
  public var code: FailureCode
  /// What happened, with the value.
  public var reason: String
  /// What to do next; empty when nothing helps.
  public var advice: String
  /// Nil for one that only people tell from others.
  public var kind: FailureKind?

  public init(_ code: FailureCode, _ reason: String, advice: String = "", kind: FailureKind? = nil) {
    self.code = code
    self.reason = reason
    self.advice = advice
    self.kind = kind
  }

  public var isRetriable: Bool { code == .tryAgain || code == .unavailable }
  public var description: String { advice.isEmpty ? reason : "\(reason)\n  next: \(advice)" }
}

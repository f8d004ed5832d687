/// A rule of a seam's contract that an implementation broke.
public struct ContractViolation: Error, CustomStringConvertible {
  public let rule: String
  public let detail: String

  public init(_ rule: String, _ detail: String = "") {
    self.rule = rule
    self.detail = detail
  }

  public var description: String { detail.isEmpty ? rule : "\(rule): \(detail)" }
}

/// Throws a `ContractViolation` unless the rule holds.
public func require(
  _ holds: Bool, _ rule: String, _ detail: @autoclosure () -> String = ""
) throws(ContractViolation) {
  if !holds { throw ContractViolation(rule, detail()) }
}

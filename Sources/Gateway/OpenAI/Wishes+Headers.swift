import HTTPTypes
import OpenAI

extension CompletionRequest {
  /// Takes what the headers ask of Apus: for clients that cannot add fields to a body. A header goes before the body's
  /// field.
  mutating func take(_ headers: HTTPFields) throws(RequestRefusal) {
    var wishes = wishes ?? Wishes()
    wishes.objective = headers[.apusObjective] ?? wishes.objective
    wishes.limits = headers[.apusSLO].map { $0.split(separator: ",").map(Self.trimmed) } ?? wishes.limits
    wishes.maxQualityLoss = try Self.number(headers, .apusMaxQualityLoss) ?? wishes.maxQualityLoss
    wishes.priority = try Self.number(headers, .apusPriority, in: Wishes.priorities) ?? wishes.priority
    wishes.deadlineMS = try Self.number(headers, .apusDeadline, in: Wishes.deadlinesMS) ?? wishes.deadlineMS
    wishes.session = headers[.apusSession] ?? wishes.session
    self.wishes = wishes
  }

  private static func trimmed(_ text: Substring) -> String {
    String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
  }

  private static func number(
    _ headers: HTTPFields, _ name: HTTPField.Name, in range: ClosedRange<Int>
  ) throws(RequestRefusal) -> Int? {
    guard let text = headers[name] else { return nil }
    guard let number = Int(text) else { throw refusal(name, text, "whole number") }
    return try Wishes.checked(number, in: range, name.rawName)
  }

  private static func number(_ headers: HTTPFields, _ name: HTTPField.Name) throws(RequestRefusal) -> Double? {
    guard let text = headers[name] else { return nil }
    guard let number = Double(text) else { throw refusal(name, text, "number") }
    return number
  }

  private static func refusal(_ name: HTTPField.Name, _ text: String, _ wanted: String) -> RequestRefusal {
    RequestRefusal(name.rawName, "the header \(name.rawName) is \(text.prefix(40)), no \(wanted)")
  }
}

extension HTTPField.Name {
  static let apusObjective = HTTPField.Name("X-Apus-Objective")!
  static let apusSLO = HTTPField.Name("X-Apus-SLO")!
  static let apusMaxQualityLoss = HTTPField.Name("X-Apus-Max-Quality-Loss")!
  static let apusPriority = HTTPField.Name("X-Apus-Priority")!
  static let apusDeadline = HTTPField.Name("X-Apus-Deadline-Ms")!
  static let apusSession = HTTPField.Name("X-Apus-Session")!
}

import HTTPTypes
import OpenAI

extension CompletionRequest {
  /// Takes what the headers ask of Apus: for clients that cannot add fields to a body. A header goes before the body's
  /// field.
  mutating func take(_ headers: HTTPFields) throws(OpenAIError) {
    var wishes = wishes ?? Wishes()
    wishes.objective = headers[.apusObjective] ?? wishes.objective
    wishes.limits = headers[.apusSLO].map { $0.split(separator: ",").map(Self.trimmed) } ?? wishes.limits
    wishes.maxQualityLoss = try Self.number(headers, .apusMaxQualityLoss) ?? wishes.maxQualityLoss
    wishes.priority = try Self.number(headers, .apusPriority) ?? wishes.priority
    wishes.deadlineMS = try Self.number(headers, .apusDeadline) ?? wishes.deadlineMS
    wishes.session = headers[.apusSession] ?? wishes.session
    self.wishes = wishes
  }

  private static func trimmed(_ text: Substring) -> String {
    String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
  }

  private static func number<Number: LosslessStringConvertible>(
    _ headers: HTTPFields, _ name: HTTPField.Name
  ) throws(OpenAIError) -> Number? {
    guard let text = headers[name] else { return nil }
    guard let number = Number(text) else {
      throw .bad(name.rawName, "the header \(name.rawName) is \(text.prefix(40)), no \(Number.self)")
    }
    return number
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

/// Why a request's body cannot become a job.
package struct RequestRefusal: Error, Hashable, Sendable {
  /// The field at fault, as a path such as `messages[0].content`; nil for the body as a whole.
  package var param: String?
  /// What is wrong and what to give in its place.
  package var message: String
  /// OpenAI's word for the kind of fault.
  package var code: String

  package init(_ param: String?, _ message: String, code: String = "invalid_value") {
    self.param = param
    self.message = message
    self.code = code
  }

  init(_ error: DecodingError) {
    switch error {
    case .keyNotFound(let key, let context): self.init(context.codingPath + [key], "is missing", "missing_field")
    case .typeMismatch(let type, let context): self.init(context.codingPath, "is not \(Self.word(type))", "wrong_type")
    case .valueNotFound(let type, let context):
      self.init(context.codingPath, "is null, not \(Self.word(type))", "wrong_type")
    case .dataCorrupted(let context) where context.codingPath.isEmpty:
      self.init(nil, "the body is not JSON", code: "invalid_json")
    case .dataCorrupted(let context):
      self.init(context.codingPath, "cannot be read: \(context.debugDescription)", "wrong_type")
    @unknown default: self.init(nil, "the body cannot be read", code: "invalid_json")
    }
  }

  /// What JSON calls what a decoder looks for.
  private static func word(_ type: Any.Type) -> String {
    switch type {
    case is Bool.Type: "true or false"
    case is String.Type: "a text"
    case is any BinaryInteger.Type: "a whole number in range"
    case is any BinaryFloatingPoint.Type: "a number"
    case is [Any].Type: "a list"
    default: "an object"
    }
  }

  /// A fault of the field that a decoder is at.
  init(_ path: [any CodingKey], _ message: String, code: String = "invalid_value") {
    self.init(Self.name(path), message, code: code)
  }

  private init(_ path: [any CodingKey], _ what: String, _ code: String) {
    let field = Self.name(path)
    self.init(field, "\(field.map { "the field \($0)" } ?? "the body") \(what)", code: code)
  }

  private static func name(_ path: [any CodingKey]) -> String? {
    let name = path.map { $0.intValue.map { "[\($0)]" } ?? ".\($0.stringValue)" }.joined().drop { $0 == "." }
    return name.isEmpty ? nil : String(name)
  }
}

import FoundationEssentials

/// JSON to and from the bytes of a body.
enum JSONBody {
  static func encode(_ value: some Encodable) throws(RequestFailure) -> [UInt8] {
    do {
      return Array(try JSONEncoder().encode(value))
    } catch {
      throw .invalidAnswer("a request cannot be written as JSON: \(error)")
    }
  }

  /// An object, with a member whose value is JSON already.
  static func encode(_ object: some Encodable, adding name: StaticString, _ json: String) throws(RequestFailure)
    -> [UInt8]
  {
    adding(",\"\(name)\":\(json)", to: try encode(object))
  }

  /// - Parameter members: JSON, with a comma before each.
  static func adding(_ members: String, to object: [UInt8]) -> [UInt8] {
    precondition(object.count > 2 && object.last == UInt8(ascii: "}"), "not an object with members")
    return object.dropLast() + Array((members + "}").utf8)
  }

  static func decode<Value: Decodable>(_ bytes: some Collection<UInt8>) throws(RequestFailure) -> Value {
    do {
      return try JSONDecoder().decode(Value.self, from: Data(bytes))
    } catch {
      throw .invalidAnswer("\(Self.beginning(of: bytes)) (\(Self.reason(error)))")
    }
  }

  /// The first characters, for a message.
  static func beginning(of bytes: some Collection<UInt8>) -> String {
    let text = String(decoding: bytes.prefix(120), as: UTF8.self)
    return text.isEmpty ? "an empty answer" : "\u{201C}\(text)\u{201D}"
  }

  private static func reason(_ error: any Error) -> String {
    guard let error = error as? DecodingError else { return "\(error)" }
    return switch error {
    case .dataCorrupted(let context), .typeMismatch(_, let context), .valueNotFound(_, let context):
      context.debugDescription
    case .keyNotFound(let key, _): "no \(key.stringValue)"
    @unknown default: "\(error)"
    }
  }
}

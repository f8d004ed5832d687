import Foundation
import Serving

/// JSON as it stands in the database: equal values give equal text, and any number can be written.
enum StoredJSON {
  static func text(_ value: some Encodable) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    do {
      return String(decoding: try encoder.encode(value), as: UTF8.self)
    } catch {
      // The vocabulary's types encode any value they can hold.
      preconditionFailure("\(type(of: value)) cannot be written as JSON: \(error)")
    }
  }

  /// - Throws: `HistoryFault.damaged` when the text does not say a `Value`.
  static func value<Value: Decodable>(_ type: Value.Type, _ text: String) throws -> Value {
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    do {
      return try decoder.decode(Value.self, from: Data(text.utf8))
    } catch {
      throw HistoryFault.damaged("\(Value.self) in \(text.prefix(80))")
    }
  }

  /// Finds a text fast; equality is decided by the text itself.
  static func digest(_ text: String) -> Int64 { Int64(bitPattern: StableHash.of(text)) }
}

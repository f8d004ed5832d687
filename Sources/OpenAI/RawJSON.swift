import FoundationEssentials

/// Finds parts of JSON as they were written. A schema is handed on so: decoders forget the order of its
/// properties, and engines let an answer have them in that order.
///
/// Only for bytes that a decoder has found to be JSON.
package enum RawJSON {
  /// The value of an object's first member of this name; nil where there is none, or what is given is no object.
  package static func value(of name: String, in json: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    var rest = trimmed(json)
    guard rest.popFirst() == UInt8(ascii: "{") else { return nil }
    while true {
      rest = trimmed(rest)
      guard rest.first == UInt8(ascii: "\""), let key = takeValue(&rest) else { return nil }
      rest = trimmed(rest)
      guard rest.popFirst() == UInt8(ascii: ":") else { return nil }
      rest = trimmed(rest)
      guard let value = takeValue(&rest) else { return nil }
      if isName(key, name) { return value }
      rest = trimmed(rest)
      guard rest.popFirst() == UInt8(ascii: ",") else { return nil }
    }
  }

  private static func isName(_ key: ArraySlice<UInt8>, _ name: String) -> Bool {
    guard key.contains(UInt8(ascii: "\\")) else { return key.dropFirst().dropLast().elementsEqual(name.utf8) }
    return (try? JSONDecoder().decode(String.self, from: Data(key))) == name
  }

  /// The elements of a list, in order; none where what is given is no list.
  package static func elements(of json: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
    var rest = trimmed(json)
    guard rest.popFirst() == UInt8(ascii: "[") else { return [] }
    var elements: [ArraySlice<UInt8>] = []
    repeat {
      rest = trimmed(rest)
      guard let value = takeValue(&rest) else { return elements }
      elements.append(value)
      rest = trimmed(rest)
    } while rest.popFirst() == UInt8(ascii: ",")
    return elements
  }

  private static func trimmed(_ json: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    json.drop { $0 == 0x20 || $0 == 0x09 || $0 == 0x0a || $0 == 0x0d }
  }

  /// Takes one value from the front, brackets and strings with all that is in them.
  private static func takeValue(_ json: inout ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    var depth = 0
    var isInString = false
    var isEscaped = false
    var end = json.startIndex
    scanning: while end < json.endIndex {
      let byte = json[end]
      if isInString {
        if !isEscaped, byte == UInt8(ascii: "\"") { isInString = false }
        isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
      } else {
        switch byte {
        case UInt8(ascii: "\""): isInString = true
        case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
          // The end of what a number or a word stands in.
          if depth == 0 { break scanning }
          depth -= 1
        case UInt8(ascii: ","), UInt8(ascii: ":"), 0x20, 0x09, 0x0a, 0x0d:
          if depth == 0 { break scanning }
        default: break
        }
      }
      end += 1
    }
    guard depth == 0, !isInString, end > json.startIndex else { return nil }
    defer { json = json[end...] }
    return json[..<end]
  }
}

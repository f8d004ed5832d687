/// JSON as it is written, piece by piece: a token of a stream costs a copy, not an encoder.
package struct JSONText: Sendable {
  package private(set) var bytes: [UInt8] = []

  package init() {}

  /// Text that is JSON already.
  package init(raw text: String) { bytes = Array(text.utf8) }

  package mutating func raw(_ text: StaticString) {
    text.withUTF8Buffer { bytes.append(contentsOf: $0) }
  }

  package mutating func raw(_ text: JSONText) { bytes.append(contentsOf: text.bytes) }

  package mutating func number(_ value: Int) { bytes.append(contentsOf: String(value).utf8) }

  /// null where JSON has no word for it.
  package mutating func number(_ value: Double?) {
    guard let value, value.isFinite else { return raw("null") }
    bytes.append(contentsOf: "\(value)".utf8)
  }

  package mutating func bool(_ value: Bool) { raw(value ? "true" : "false") }

  package mutating func optional(_ text: String?) {
    if let text { string(text) } else { raw("null") }
  }

  /// A string with its quotes (RFC 8259, section 7).
  package mutating func string(_ text: String) {
    bytes.append(UInt8(ascii: "\""))
    var text = text
    text.withUTF8 { utf8 in
      for byte in utf8 {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
          bytes.append(UInt8(ascii: "\\"))
          bytes.append(byte)
        case UInt8(ascii: "\n"):
          bytes.append(UInt8(ascii: "\\"))
          bytes.append(UInt8(ascii: "n"))
        case 0..<0x20:
          let digits = Array("0123456789abcdef".utf8)
          bytes.append(contentsOf: "\\u00".utf8)
          bytes.append(digits[Int(byte >> 4)])
          bytes.append(digits[Int(byte & 15)])
        default: bytes.append(byte)
        }
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  /// `[a,b]`.
  package mutating func array<Element>(_ elements: [Element], _ write: (inout JSONText, Element) -> Void) {
    raw("[")
    for (place, element) in elements.enumerated() {
      if place > 0 { raw(",") }
      write(&self, element)
    }
    raw("]")
  }
}

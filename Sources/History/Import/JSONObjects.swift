/// Finds the objects of a JSON text without reading them: where each begins, and its bytes. One that is broken inside does
/// not hide the others.
enum JSONObjects {
  /// - Parameter nesting: Brackets that are open around the objects wanted: empty for objects one after the other, `[`
  ///   for those of one list, `{[` for those in the lists of one object.
  static func find(in bytes: [UInt8], within nesting: String) -> [(line: Int, bytes: ArraySlice<UInt8>)] {
    let wanted = Array(nesting.utf8)
    var found: [(line: Int, bytes: ArraySlice<UInt8>)] = []
    var open: [UInt8] = []
    var start: (line: Int, place: Int)?
    var (line, isInString, isEscaped) = (1, false, false)
    for (place, byte) in bytes.enumerated() {
      if byte == UInt8(ascii: "\n") { line += 1 }
      if isInString {
        if isEscaped {
          isEscaped = false
        } else if byte == UInt8(ascii: "\\") {
          isEscaped = true
        } else if byte == UInt8(ascii: "\"") {
          isInString = false
        }
        continue
      }
      switch byte {
      case UInt8(ascii: "\""): isInString = true
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        if byte == UInt8(ascii: "{"), open == wanted { start = (line, place) }
        open.append(byte)
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        if !open.isEmpty { open.removeLast() }
        if let begun = start, open == wanted {
          found.append((begun.line, bytes[begun.place...place]))
          start = nil
        }
      default: break
      }
    }
    // Cut off in the middle: the reader of the rest says what is wrong.
    if let begun = start { found.append((begun.line, bytes[begun.place...])) }
    return found
  }
}

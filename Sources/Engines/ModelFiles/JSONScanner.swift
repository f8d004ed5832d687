package import Serving

/// Reads JSON (RFC 8259) value by value, for documents nobody vouches for.
///
/// Nothing is kept but what the caller asks for, nesting has a limit, and a string is as long as the document at most: so
/// a reader's memory is bounded by the document and by what it chooses to keep. Foundation's decoder builds a map of the
/// whole document first, several times its size.
package struct JSONScanner {
  /// Deeper than any model file's JSON, and far from the end of a thread's stack.
  static let depthLimit = 64
  /// Digits and signs of the longest number read.
  private static let numberLimit = 64

  private let bytes: [UInt8]
  private let path: String
  private var at = 0
  private var depth = 0

  /// - Parameter path: for messages.
  package init(_ bytes: [UInt8], path: String) {
    self.bytes = bytes
    self.path = path
  }

  /// What the next value is, as its first byte says.
  enum Kind { case object, array, string, number, bool, null }

  mutating func kind() throws(ApusError) -> Kind {
    switch try peek() {
    case UInt8(ascii: "{"): return .object
    case UInt8(ascii: "["): return .array
    case UInt8(ascii: "\""): return .string
    case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
    case UInt8(ascii: "n"): return .null
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
    default: throw refusal("no value begins here")
    }
  }

  /// Hands each key to `member`, which must read or skip its value.
  package mutating func object(
    _ member: (_ key: String, _ scanner: inout JSONScanner) throws(ApusError) -> Void
  ) throws(ApusError) {
    try open("{")
    if try take("}") { return leave() }
    while true {
      let key = try string()
      try expect(":")
      try member(key, &self)
      if try take("}") { return leave() }
      try expect(",")
    }
  }

  /// Lets `element` read or skip each element.
  package mutating func array(_ element: (_ scanner: inout JSONScanner) throws(ApusError) -> Void) throws(ApusError) {
    try open("[")
    if try take("]") { return leave() }
    while true {
      try element(&self)
      if try take("]") { return leave() }
      try expect(",")
    }
  }

  package mutating func string() throws(ApusError) -> String {
    try expect("\"")
    let start = at
    while at < bytes.count, Self.standsForItself(bytes[at]) { at += 1 }
    guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else {
      at = start
      return try anyString()
    }
    defer { at += 1 }
    // ASCII needs no validation, which costs more than all else.
    return bytes.withUnsafeBufferPointer {
      String(decoding: UnsafeBufferPointer(rebasing: $0[start..<at]), as: UTF8.self)
    }
  }

  /// A whole number; nil for one with a fraction or an exponent, or beyond 64 bits.
  package mutating func integer() throws(ApusError) -> Int? {
    guard try kind() == .number else { throw refusal("a number is expected") }
    return Int(try numberText())
  }

  package mutating func skip() throws(ApusError) {
    switch try kind() {
    case .object: try object { _, scanner throws(ApusError) in try scanner.skip() }
    case .array: try array { scanner throws(ApusError) in try scanner.skip() }
    case .string: _ = try string()
    case .number: _ = try numberText()
    case .bool: _ = try bool()
    case .null: try word("null")
    }
  }

  package mutating func bool() throws(ApusError) -> Bool {
    if try peek() == UInt8(ascii: "t") {
      try word("true")
      return true
    }
    try word("false")
    return false
  }

  mutating func null() throws(ApusError) { try word("null") }

  /// A number of any kind. Nil only for one that is too large for a Double.
  package mutating func number() throws(ApusError) -> Double? {
    Double(try numberText()).flatMap { $0.isFinite ? $0 : nil }
  }

  /// - Throws: unless nothing but white space is left.
  package mutating func end() throws(ApusError) {
    skipSpace()
    guard at == bytes.count else { throw refusal("something follows the document") }
  }

  package func refusal(_ reason: String) -> ApusError {
    ApusError(
      .badInput, "\(path) is not usable JSON: \(reason) (at byte \(at))",
      advice: "Fetch the model again, and compare its checksums.")
  }

  // MARK: Inside

  /// Whether a byte of a string is an ASCII character, as nearly all are.
  private static func standsForItself(_ byte: UInt8) -> Bool {
    (0x20..<0x80).contains(byte) && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
  }

  /// What follows a quotation mark, up to the next.
  private mutating func anyString() throws(ApusError) -> String {
    var text: [UInt8] = []
    var start = at
    while true {
      guard at < bytes.count else { throw refusal("a string does not end") }
      let byte = bytes[at]
      if byte == UInt8(ascii: "\"") { break }
      guard byte >= 0x20 else { throw refusal("a string has a control character") }
      if byte == UInt8(ascii: "\\") {
        text += bytes[start..<at]
        at += 1
        text += try escaped()
        start = at
      } else {
        at += 1
      }
    }
    text += bytes[start..<at]
    at += 1
    guard let string = String(validating: text, as: UTF8.self) else { throw refusal("a string is not UTF-8") }
    return string
  }

  private mutating func skipSpace() {
    while at < bytes.count, bytes[at] == 0x20 || bytes[at] == 0x0A || bytes[at] == 0x0D || bytes[at] == 0x09 { at += 1 }
  }

  private mutating func peek() throws(ApusError) -> UInt8 {
    skipSpace()
    guard at < bytes.count else { throw refusal("the document ends too early") }
    return bytes[at]
  }

  private mutating func take(_ character: Unicode.Scalar) throws(ApusError) -> Bool {
    guard try peek() == UInt8(ascii: character) else { return false }
    at += 1
    return true
  }

  private mutating func expect(_ character: Unicode.Scalar) throws(ApusError) {
    guard try take(character) else { throw refusal("\(character) is expected") }
  }

  private mutating func open(_ bracket: Unicode.Scalar) throws(ApusError) {
    try expect(bracket)
    depth += 1
    guard depth <= Self.depthLimit else { throw refusal("values are nested deeper than \(Self.depthLimit)") }
  }

  private mutating func leave() { depth -= 1 }

  private mutating func word(_ word: String) throws(ApusError) {
    skipSpace()
    guard bytes[at...].starts(with: word.utf8) else { throw refusal("\(word) is expected") }
    at += word.utf8.count
  }

  /// `-`, digits without leading zeros, a fraction, an exponent.
  private mutating func numberText() throws(ApusError) -> String {
    skipSpace()
    let start = at
    func isDigit() -> Bool { at < bytes.count && (0x30...0x39).contains(bytes[at]) }
    func digits() throws(ApusError) {
      guard isDigit() else { throw refusal("a digit is expected") }
      while isDigit() { at += 1 }
    }
    if at < bytes.count, bytes[at] == UInt8(ascii: "-") { at += 1 }
    if isDigit(), bytes[at] == UInt8(ascii: "0") {
      at += 1
      guard !isDigit() else { throw refusal("a number begins with 0") }
    } else {
      try digits()
    }
    if at < bytes.count, bytes[at] == UInt8(ascii: ".") {
      at += 1
      try digits()
    }
    if at < bytes.count, bytes[at] == UInt8(ascii: "e") || bytes[at] == UInt8(ascii: "E") {
      at += 1
      if at < bytes.count, bytes[at] == UInt8(ascii: "+") || bytes[at] == UInt8(ascii: "-") { at += 1 }
      try digits()
    }
    guard at - start <= Self.numberLimit else { throw refusal("a number has \(at - start) characters") }
    return String(decoding: bytes[start..<at], as: UTF8.self)
  }

  /// The bytes of what follows a backslash.
  private mutating func escaped() throws(ApusError) -> [UInt8] {
    guard at < bytes.count else { throw refusal("a string does not end") }
    let byte = bytes[at]
    at += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
    case UInt8(ascii: "b"): return [0x08]
    case UInt8(ascii: "f"): return [0x0C]
    case UInt8(ascii: "n"): return [0x0A]
    case UInt8(ascii: "r"): return [0x0D]
    case UInt8(ascii: "t"): return [0x09]
    case UInt8(ascii: "u"): return Array(String(try scalar()).utf8)
    default: throw refusal("a string has an unknown escape")
    }
  }

  /// The character of `\uXXXX`, or of two of them that are a surrogate pair.
  private mutating func scalar() throws(ApusError) -> Character {
    let first = try hexadecimal()
    if let scalar = Unicode.Scalar(first) { return Character(scalar) }
    guard first < 0xDC00, at + 1 < bytes.count, bytes[at] == UInt8(ascii: "\\"), bytes[at + 1] == UInt8(ascii: "u")
    else { throw refusal("half of a surrogate pair") }
    at += 2
    let second = try hexadecimal()
    guard (0xDC00...0xDFFF).contains(second),
      let scalar = Unicode.Scalar(0x10000 + (UInt32(first) - 0xD800) << 10 + UInt32(second) - 0xDC00)
    else { throw refusal("half of a surrogate pair") }
    return Character(scalar)
  }

  private mutating func hexadecimal() throws(ApusError) -> UInt16 {
    var value: UInt16 = 0
    for _ in 0..<4 {
      guard at < bytes.count, let digit = Character(Unicode.Scalar(bytes[at])).hexDigitValue else {
        throw refusal("an escape needs four hexadecimal digits")
      }
      value = value << 4 | UInt16(digit)
      at += 1
    }
    return value
  }
}

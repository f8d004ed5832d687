import Serving

/// A small JSON document in memory, such as a config.json.
enum JSONTree: Equatable, Sendable {
  case object([String: JSONTree])
  case array([JSONTree])
  case string(String)
  /// A number that is whole and has at most 64 bits.
  case integer(Int)
  case number(Double)
  case bool(Bool)
  case null

  /// Bytes of the longest document read into a tree, and values of the fullest one: together at most about 20 MB.
  static let byteLimit = 1 << 20
  static let valueLimit = 1 << 16

  /// - Throws: `badInput` for what is no JSON, or larger or deeper than the limits, or has a key twice.
  init(_ bytes: [UInt8], path: String) throws(ApusError) {
    var scanner = JSONScanner(bytes, path: path)
    guard bytes.count <= Self.byteLimit else {
      throw scanner.refusal("it has \(bytes.count) bytes; at most \(Self.byteLimit) are read")
    }
    var count = 0
    self = try Self.read(&scanner, &count)
    try scanner.end()
  }

  private static func read(_ scanner: inout JSONScanner, _ count: inout Int) throws(ApusError) -> JSONTree {
    count += 1
    guard count <= valueLimit else { throw scanner.refusal("it has more than \(valueLimit) values") }
    switch try scanner.kind() {
    case .object:
      var members: [String: JSONTree] = [:]
      try scanner.object { key, scanner throws(ApusError) in
        let value = try read(&scanner, &count)
        guard members.updateValue(value, forKey: key) == nil else {
          throw scanner.refusal("it has the key \(key) twice")
        }
      }
      return .object(members)
    case .array:
      var elements: [JSONTree] = []
      try scanner.array { scanner throws(ApusError) in elements.append(try read(&scanner, &count)) }
      return .array(elements)
    case .string: return .string(try scanner.string())
    case .number:
      var ahead = scanner
      if let integer = try ahead.integer() {
        scanner = ahead
        return .integer(integer)
      }
      guard let number = try scanner.number() else { throw scanner.refusal("a number is too large") }
      return .number(number)
    case .bool: return .bool(try scanner.bool())
    case .null:
      try scanner.null()
      return .null
    }
  }

  /// The member of an object; nil for null, for a member that is not there, and for what is no object.
  subscript(key: String) -> JSONTree? {
    guard case .object(let members) = self, let member = members[key], member != .null else { return nil }
    return member
  }

  var integer: Int? { if case .integer(let value) = self { value } else { nil } }
  var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  var string: String? { if case .string(let value) = self { value } else { nil } }
  var array: [JSONTree]? { if case .array(let elements) = self { elements } else { nil } }
}

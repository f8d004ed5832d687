import Foundation

/// A JSON value of somebody else's making, looked into by name.
enum JSONTree: Sendable {
  case null
  case bool(Bool)
  case number(Double)
  case text(String)
  case list([JSONTree])
  case members([String: JSONTree])

  init(_ bytes: some Sequence<UInt8>) throws(RowFault) {
    do {
      self = try JSONDecoder().decode(JSONTree.self, from: Data(bytes))
    } catch {
      // Python writes NaN and Infinity, which are no JSON: then nothing of the row can be trusted.
      throw RowFault("not valid JSON")
    }
  }

  /// What is at a path of names; nil where there is nothing, or null.
  subscript(path: String...) -> JSONTree? { at(path[...]) }

  private func at(_ path: ArraySlice<String>) -> JSONTree? {
    guard let name = path.first else { if case .null = self { return nil } else { return self } }
    guard case .members(let members) = self else { return nil }
    return members[name]?.at(path.dropFirst())
  }

  var text: String? { if case .text(let text) = self { text } else { nil } }
  var number: Double? { if case .number(let number) = self { number } else { nil } }
  var list: [JSONTree]? { if case .list(let list) = self { list } else { nil } }

  /// A scalar as a flat file would have it; nil for lists and objects.
  var field: String? {
    switch self {
    case .null: ""
    case .bool(let value): value ? "1" : "0"
    case .number(let value): Int(exactly: value).map { String($0) } ?? value.description
    case .text(let text): text
    case .list, .members: nil
    }
  }

  /// A number that must be there: at least 0, finite.
  func figure(_ path: String...) throws(RowFault) -> Double {
    let name = path.joined(separator: ".")
    guard let value = at(path[...]) else { throw RowFault("\(name) is missing") }
    guard let number = value.number, number >= 0, number.isFinite else {
      throw RowFault("\(name) is \(value.field.map { "\($0.prefix(40))" } ?? "no number"), not a number of at least 0")
    }
    return number
  }

  /// A whole number that must be there.
  func count(_ path: String..., atLeast minimum: Int = 0) throws(RowFault) -> Int {
    guard let number = at(path[...])?.number, let count = Int(exactly: number), count >= minimum else {
      let value = at(path[...])?.field ?? "missing"
      throw RowFault("\(path.joined(separator: ".")) is \(value.prefix(40)), not a whole number of at least \(minimum)")
    }
    return count
  }
}

extension JSONTree: Decodable {
  init(from decoder: any Decoder) throws {
    if let members = try? decoder.container(keyedBy: Name.self) {
      self = .members(
        try Dictionary(
          uniqueKeysWithValues: members.allKeys.map { name in
            (name.stringValue, try members.decode(JSONTree.self, forKey: name))
          }))
      return
    }
    if var list = try? decoder.unkeyedContainer() {
      var elements: [JSONTree] = []
      while !list.isAtEnd { elements.append(try list.decode(JSONTree.self)) }
      self = .list(elements)
      return
    }
    let value = try decoder.singleValueContainer()
    if value.decodeNil() {
      self = .null
    } else if let bool = try? value.decode(Bool.self) {
      self = .bool(bool)
    } else if let number = try? value.decode(Double.self) {
      self = .number(number)
    } else {
      self = .text(try value.decode(String.self))
    }
  }

  private struct Name: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }
}

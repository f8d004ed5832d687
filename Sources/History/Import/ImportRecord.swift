import Serving

/// The values of one row by name, as text; each is read with a check, and a fault names the column and its value.
struct ImportRecord: Sendable {
  private let values: [String: String]

  init(_ values: [String: String]) { self.values = values }

  /// All of it on one line: equal exactly when the rows are.
  var fingerprint: String {
    values.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: "\u{1F}")
  }

  func text(_ column: String) throws(RowFault) -> String {
    guard let value = values[column] else { throw RowFault("\(column) is missing") }
    return value
  }

  func known(_ column: String) throws(RowFault) -> Bool { try !text(column).isEmpty }

  /// Whether a column that may be left out has a value here.
  func isGiven(_ column: String) -> Bool { values[column].map { !$0.isEmpty } ?? false }

  func wrong(_ column: String, _ value: String, _ expected: String) -> RowFault {
    RowFault(
      value.isEmpty ? "\(column) is empty" : "\(column) is \(value.prefix(40).debugDescription), not \(expected)")
  }

  /// A name that other rows refer to.
  func key(_ column: String) throws(RowFault) -> String {
    let value = try text(column)
    guard !value.isEmpty, value.utf8.count <= RecordRules.keyLengthLimit, value.utf8.allSatisfy({ $0 >= 32 }) else {
      throw wrong(column, value, "a name of at most \(RecordRules.keyLengthLimit) bytes")
    }
    return value
  }

  func count(_ column: String, atLeast minimum: Int = 0) throws(RowFault) -> Int {
    let value = try text(column)
    guard let count = Int(value), count >= minimum else {
      throw wrong(column, value, "a whole number of at least \(minimum)")
    }
    return count
  }

  /// A whole number that may be negative.
  func integer(_ column: String) throws(RowFault) -> Int {
    let value = try text(column)
    guard let count = Int(value) else { throw wrong(column, value, "a whole number") }
    return count
  }

  func figure(_ column: String) throws(RowFault) -> Double {
    let value = try text(column)
    guard let figure = Double(value), figure >= 0, figure.isFinite else {
      throw wrong(column, value, "a number of at least 0")
    }
    return figure
  }

  /// Nil for an empty field.
  func optionalFigure(_ column: String) throws(RowFault) -> Double? {
    try text(column).isEmpty ? nil : figure(column)
  }

  func share(_ column: String) throws(RowFault) -> Double {
    let share = try figure(column)
    guard share <= 1 else { throw wrong(column, try text(column), "a share from 0 to 1") }
    return share
  }

  func range(_ name: String) throws(RowFault) -> ClosedRange<Int> {
    let (low, high) = (try count("\(name)_min"), try count("\(name)_max"))
    guard low <= high else { throw RowFault("\(name)_min is \(low), more than \(name)_max, which is \(high)") }
    return low...high
  }

  func word<Word: RawRepresentable<String>>(_ column: String, of words: [Word]) throws(RowFault) -> Word {
    let value = try text(column)
    guard let word = Word(rawValue: value) else {
      throw wrong(column, value, "one of \(words.map(\.rawValue).joined(separator: ", "))")
    }
    return word
  }

  /// Nil where the column is absent or its field empty.
  func given(_ column: String) throws(RowFault) -> Double? { isGiven(column) ? try figure(column) : nil }

  func list(_ column: String) throws(RowFault) -> [String] {
    try text(column).split(separator: ";").map(String.init)
  }

  /// Nil for an empty field.
  func json<Value: Decodable>(_ column: String) throws(RowFault) -> Value? {
    let value = try text(column)
    guard !value.isEmpty else { return nil }
    do {
      return try StoredJSON.value(Value.self, value)
    } catch {
      throw wrong(column, value, "the JSON that Schemas/measurement.csv.md describes")
    }
  }
}

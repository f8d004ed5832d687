/// Rows of numbers, as JSON and YAML both write them.
enum NumberRows {
  static func list(_ numbers: [Int]) -> String { "[" + numbers.map(String.init).joined(separator: ", ") + "]" }

  /// A row in each line.
  static func table(_ rows: [[Int]], indent: String) -> String {
    "[\n" + rows.map { indent + "  " + list($0) }.joined(separator: ",\n") + "\n\(indent)]"
  }
}

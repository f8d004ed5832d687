/// Numbers in Prometheus' text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats).
struct PrometheusText {
  enum Kind: String {
    case counter, gauge, histogram
  }

  private(set) var text = ""

  /// One number, without labels.
  mutating func add(_ name: String, _ kind: Kind, _ help: String, _ value: some LosslessStringConvertible) {
    add(name, kind, help, [(labels: [], value: value)])
  }

  /// One number for each set of labels. The help and the kind are said although there may be no number yet.
  mutating func add<Value: LosslessStringConvertible>(
    _ name: String, _ kind: Kind, _ help: String, _ samples: [(labels: [(String, String)], value: Value)]
  ) {
    begin(name, kind, help)
    for sample in samples { line(name, sample.labels, sample.value) }
  }

  mutating func begin(_ name: String, _ kind: Kind, _ help: String) {
    text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
  }

  mutating func line(_ name: String, _ labels: [(String, String)], _ value: some LosslessStringConvertible) {
    text += name
    if !labels.isEmpty {
      text += "{" + labels.map { "\($0)=\"\(Self.escaped($1))\"" }.joined(separator: ",") + "}"
    }
    text += " \(value)\n"
  }

  private static func escaped(_ label: String) -> String {
    var text = ""
    for character in label {
      switch character {
      case "\\": text += "\\\\"
      case "\"": text += "\\\""
      case "\n": text += "\\n"
      default: text.append(character)
      }
    }
    return text
  }
}

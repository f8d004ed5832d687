import Foundation

/// What one command measured, and how.
struct FigureReport {
  /// One number.
  struct Value {
    /// For `--json`; ends in its unit.
    var key: String
    /// For people.
    var label: String
    var value: Double
    /// As printed after the number.
    var unit: String
    /// Most the project allows itself; nil for a number that stands beside.
    var target: Double?
    /// Least the project wants; nil for no such wish.
    var floor: Double?

    /// In words; nil without a target.
    var wish: (text: String, isMet: Bool)? {
      switch (floor, target) {
      case (let floor?, let target?): (String(format: "%g to %g", floor, target), (floor...target).contains(value))
      case (nil, let target?): (String(format: "at most %g", target), value <= target)
      case (let floor?, nil): (String(format: "at least %g", floor), value >= floor)
      case (nil, nil): nil
      }
    }
  }

  /// The command's name.
  var figure: String
  var values: [Value] = []
  /// What was not measured, and why.
  var skipped: [String] = []
  /// Sentences on how it was measured.
  var method: [String]
  private let machine = MachineNote()

  init(figure: String, method: [String]) {
    self.figure = figure
    self.method = method
  }

  mutating func add(
    _ key: String, _ label: String, _ value: Double, _ unit: String, target: Double? = nil, floor: Double? = nil
  ) {
    values.append(Value(key: key, label: label, value: value, unit: unit, target: target, floor: floor))
  }

  /// Whether every number with a target keeps it and nothing was left out.
  private var meetsTargets: Bool {
    skipped.isEmpty && values.allSatisfy { $0.wish?.isMet ?? true }
  }

  func print(asJSON: Bool) {
    FileHandle.standardOutput.write(Data(((asJSON ? json : text) + "\n").utf8))
  }

  private var text: String {
    let width = values.map(\.label.count).max() ?? 0
    var lines = ["\(figure)"]
    for value in values {
      let padding = String(repeating: " ", count: width - value.label.count)
      var line = "  \(value.label)\(padding)  " + String(format: "%10.3f", value.value) + " \(value.unit)"
      if let wish = value.wish { line += "   target \(wish.text): " + (wish.isMet ? "met" : "MISSED") }
      lines.append(line)
    }
    lines += skipped.map { "  SKIPPED: \($0)" }
    lines.append("how it was measured:")
    lines += method.map { "  - \($0)" }
    lines.append("  - \(machine.sentence)")
    return lines.joined(separator: "\n")
  }

  private var json: String {
    let targets = values.compactMap { value in value.target.map { (value.key, $0) } }
    let floors = values.compactMap { value in value.floor.map { (value.key, $0) } }
    let document = Document(
      figure: figure, values: Dictionary(uniqueKeysWithValues: values.map { ($0.key, $0.value) }),
      targets: Dictionary(uniqueKeysWithValues: targets),
      floors: floors.isEmpty ? nil : Dictionary(uniqueKeysWithValues: floors), meetsTargets: meetsTargets,
      skipped: skipped, method: method, machine: machine.sentence)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(document) else { preconditionFailure("a measured figure is a finite number") }
    return String(decoding: data, as: UTF8.self)
  }

  private struct Document: Encodable {
    var figure: String
    var values: [String: Double]
    var targets: [String: Double]
    var floors: [String: Double]?
    var meetsTargets: Bool
    var skipped: [String]
    var method: [String]
    var machine: String

    enum CodingKeys: String, CodingKey {
      case figure, values, targets, floors, skipped, method, machine
      case meetsTargets = "meets_targets"
    }
  }
}

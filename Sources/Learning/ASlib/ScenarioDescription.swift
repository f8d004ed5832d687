import Foundation
import Yams

/// What `description.txt` of an ASlib scenario says, as far as an evaluation needs it (Bischl and others: ASlib, a
/// benchmark library for algorithm selection, 2016; format version 4 and the older ones that are YAML too).
struct ScenarioDescription: Sendable {
  var name: String
  /// The first performance measure: the attribute of `algorithm_runs.arff` that counts.
  var measure: String
  var isMaximized: Bool
  var isRunTime: Bool
  /// Seconds; nil when the scenario has none (`?`).
  var cutoffSeconds: Double?
  /// Groups of features that are computed together, with the features each gives.
  var featureSteps: [String: [String]]
  /// The steps to use by default: those named, or all when none are.
  var defaultSteps: [String]

  init(path: String) throws(LearningError) {
    let bytes = try ARFFFile.read(path, 16 << 20)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw LearningError("bytes that are no UTF-8", file: path)
    }
    try self.init(text: text, path: path)
  }

  init(text: String, path: String) throws(LearningError) {
    let root: Node
    do {
      guard let node = try Yams.compose(yaml: text), node.mapping != nil else {
        throw LearningError("no YAML mapping", file: path)
      }
      root = node
    } catch let error as LearningError {
      throw error
    } catch let error as YamlError {
      let line: Int? =
        switch error {
        case .scanner(_, _, let mark, _), .parser(_, _, let mark, _), .composer(_, _, let mark, _): mark.line
        default: nil
        }
      throw LearningError("no YAML that can be read", file: path, line: line)
    } catch {
      throw LearningError("no YAML that can be read", file: path)
    }
    func refuse(_ reason: String, _ node: Node?) -> LearningError {
      LearningError(reason, file: path, line: node?.mark?.line)
    }
    guard let name = root["scenario_id"]?.string else { throw refuse("no scenario_id", root) }
    self.name = name
    guard let measure = Self.list(root["performance_measures"]).first else {
      throw refuse("no performance_measures", root)
    }
    self.measure = measure
    isMaximized = ["true", "yes"].contains(Self.list(root["maximize"]).first?.lowercased() ?? "false")
    let type = Self.list(root["performance_type"]).first?.lowercased() ?? "runtime"
    switch type {
    case "runtime": isRunTime = true
    case "solution_quality": isRunTime = false
    default:
      throw refuse("performance_type `\(type)` is neither runtime nor solution_quality", root["performance_type"])
    }
    cutoffSeconds = root["algorithm_cutoff_time"]?.string.flatMap { Double($0) }
    guard !isRunTime || (cutoffSeconds ?? 0) > 0 else {
      throw refuse("a runtime scenario without a positive algorithm_cutoff_time", root["algorithm_cutoff_time"])
    }
    var steps: [String: [String]] = [:]
    for (key, value) in root["feature_steps"]?.mapping ?? [:] {
      if let step = key.string { steps[step] = Self.list(value["provides"] ?? value) }
    }
    featureSteps = steps
    let named = Self.list(root["default_steps"])
    if let unknown = named.first(where: { steps[$0] == nil }), !steps.isEmpty {
      throw refuse("default step `\(unknown)` is not among feature_steps", root["default_steps"])
    }
    defaultSteps = named.isEmpty ? steps.keys.sorted() : named
  }

  /// A sequence of scalars, a single scalar, or a comma-separated one.
  private static func list(_ node: Node?) -> [String] {
    guard let node else { return [] }
    if let sequence = node.sequence { return sequence.compactMap(\.string) }
    return node.string.map {
      $0.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    } ?? []
  }
}

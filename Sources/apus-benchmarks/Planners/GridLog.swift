import Foundation
import PlannerReplay
import Serving

/// The file a grid is measured into, and how often each combination is in it.
actor GridLog {
  private let file: FileHandle
  /// What replaces a model's hash in a fingerprint.
  private let modelNames: [String: String]
  /// Completed blocks by model and fingerprint.
  private var blocks: [String: [String: Int]] = [:]
  private var lastTrial = 0
  private(set) var count = 0
  /// The first error of a write.
  private(set) var failure: ApusError?

  /// Reads what is there already, so that a second run goes on from it.
  ///
  /// - Throws: `badInput` when the file holds something else; `disk` when it cannot be written.
  init(path: String, modelNames: [String: String]) throws(ApusError) {
    self.modelNames = modelNames
    if !FileManager.default.fileExists(atPath: path) {
      _ = FileManager.default.createFile(atPath: path, contents: Data((GridRow.header + "\n").utf8))
    }
    guard let file = FileHandle(forUpdatingAtPath: path), let data = try? file.readToEnd() else {
      throw ApusError(.disk, "cannot read and write \(path)", advice: "name a file in a writable place with --output")
    }
    self.file = file
    let lines = String(decoding: data, as: UTF8.self).split(separator: "\n")
    guard lines.first.map(String.init) == GridRow.header else {
      throw ApusError(
        .badInput, "\(path) does not begin with the header of a measured grid",
        advice: "name a file made by `apus-benchmarks grid`, or one that is not there yet")
    }
    for line in lines.dropFirst() {
      let row = try GridRow(parsing: line)
      lastTrial = max(lastTrial, row.trial)
      count += 1
      blocks[row.model, default: [:]][row.fingerprint, default: 0] += 1
    }
  }

  func nextTrial() -> Int {
    lastTrial += 1
    return lastTrial
  }

  func add(_ measurement: Serving.Measurement, trial: Int) {
    let row = GridRow(measurement, trial: trial, fingerprint: fingerprint(measurement.configuration))
    count += 1
    blocks[row.model, default: [:]][row.fingerprint, default: 0] += 1
    do {
      try file.write(contentsOf: Data((row.line + "\n").utf8))
    } catch {
      failure = failure ?? ApusError(.disk, "cannot write the grid's file: \(error.localizedDescription)")
    }
  }

  /// Points that have fewer than `below` blocks of each workload, those with the fewest first; equals in random order.
  /// The default is not among them: it is in every trial.
  func leastMeasured(
    _ space: GridSpace, _ model: String, workloadCount: Int, below: Int, most: Int,
    using generator: inout SystemRandomNumberGenerator
  ) -> [[Int]] {
    let known = blocks[model] ?? [:]
    let counted = space.points.dropFirst().shuffled(using: &generator).map { point in
      let configuration = EngineConfiguration(engine: EngineName("llamacpp"), knobs: space.knobs(point))
      return (point, known[fingerprint(configuration), default: 0] / workloadCount)
    }
    return counted.filter { $0.1 < below }.sorted { $0.1 < $1.1 }.prefix(most).map(\.0)
  }

  private func fingerprint(_ configuration: EngineConfiguration) -> String {
    modelNames.reduce(configuration.fingerprint) { $0.replacing($1.key, with: $1.value) }
  }
}

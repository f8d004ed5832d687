import Foundation
import Selection
import Serving

/// The contexts of a published table in which there is something to choose.
enum PublishedContexts {
  private static let usual = "../shared/data/perf/aic_silicon_e2e.csv"

  /// - Parameter path: nil for the usual one, which may be missing: that is put down in the report.
  static func read(
    _ path: String?, _ report: inout FigureReport
  ) throws -> (path: String, measurements: [Serving.Measurement])? {
    let file = path ?? usual
    guard FileManager.default.fileExists(atPath: file) else {
      if path != nil { throw ApusError(.badInput, "\(file): cannot be read", advice: "name a CSV file that exists") }
      report.skipped.append("the table of real measurements: \(file) is not there")
      return nil
    }
    return (file, try PerformanceTable.measurements(file))
  }

  /// In whatever precision.
  @Sendable static func modelName(_ row: Serving.Measurement) -> String {
    String(row.model.name.prefix { $0 != "|" })
  }

  /// A model on a kind of device in a workload, however many devices, in whatever precision and engine, where there is
  /// something to choose.
  static func all(
    _ measurements: [Serving.Measurement], counting counted: CountedCost
  ) -> [(first: Serving.Measurement, question: ChoiceQuestion)] {
    let grouped = Dictionary(grouping: measurements) { row -> [String] in
      [modelName(row), row.hardware.processor, row.workload.shape]
    }
    return grouped.keys.sorted { $0.lexicographicallyPrecedes($1) }.compactMap { key in
      let rows = grouped[key]!
      let question = question(rows, counted)
      return question.costs.joined().count > 1 ? (rows[0], question) : nil
    }
  }

  /// Each engine in each precision on each number of devices is a node.
  private static func question(_ rows: [Serving.Measurement], _ counted: CountedCost) -> ChoiceQuestion {
    let nodes = Dictionary(grouping: rows) { row -> [String] in
      [row.model.id.rawValue, row.hardware.fingerprint, row.configuration.engine.rawValue]
    }
    var question = ChoiceQuestion(sets: [], costs: [], counted: counted)
    for key in nodes.keys.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
      let blocks = nodes[key]!
      let configurations = Set(blocks.map(\.configuration)).sorted { $0.fingerprint < $1.fingerprint }
      let candidates = configurations.map { Candidate(configuration: $0, fidelity: .exact) }
      question.sets.append(
        CandidateSet(
          worker: WorkerName("node-\(question.sets.count)"), hardware: blocks[0].hardware, model: blocks[0].model,
          available: [blocks[0].model], workload: blocks[0].workload, candidates: candidates, isAttached: true))
      question.costs.append(candidates.map { counted.measured($0, blocks) })
    }
    return question
  }
}

import ExpertPlacement
import Foundation
import PlacementSelection
import Serving
import XGBoost

/// Measured placements as they are kept: one JSON object in each line.
enum PlacementTrialFile {
  static let byteLimit = 256 << 20

  /// - Throws: `badInput` naming the line that is no trial.
  static func read(path: String) throws(ApusError) -> [PlacementTrial] {
    let data: Data
    do {
      data = try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
      throw ApusError(
        .badInput, "cannot read \(path): \((error as NSError).localizedDescription)", advice: "check the path")
    }
    guard data.count <= byteLimit else {
      throw ApusError(.badInput, "\(path) has \(data.count) bytes, and at most \(byteLimit) are read")
    }
    let decoder = JSONDecoder()
    var trials: [PlacementTrial] = []
    for (number, line) in data.split(separator: 0x0A).enumerated() {
      do {
        trials.append(try decoder.decode(PlacementTrial.self, from: line))
      } catch {
        throw ApusError(.badInput, "\(path), line \(number + 1) is no measured placement: \(error)")
      }
    }
    return trials
  }

  /// - Parameter path: nil for the cost model alone.
  static func selector(path: String?) throws(ApusError) -> PlacementSelector {
    guard let path else { return PlacementSelector(residual: nil) }
    let trials = try read(path: path)
    do {
      return PlacementSelector(residual: try PlacementResidual.learned(from: trials))
    } catch {
      throw ApusError(.bug, "cannot learn from \(path): \(error)")
    }
  }

  /// Adds a measured plan, for `recommend --trials` to learn from. Nothing where hosts or model are not known.
  ///
  /// - Parameters:
  ///   - problem: the same text for plans that were measured on one problem.
  ///   - seconds: of a layer, mean over the batches.
  static func append(
    _ planned: PlannedPlacement, of placement: PlacementProblem, problem: String, seconds: Double, to path: String
  ) throws(ApusError) {
    guard let features = PlanFeatures(planned.plan, for: placement) else { return }
    let trial = PlacementTrial(
      problem: problem, strategy: planned.strategy, features: features, measuredSeconds: seconds)
    do {
      let line = try JSONEncoder().encode(trial) + Data("\n".utf8)
      if !FileManager.default.fileExists(atPath: path) { try Data().write(to: URL(fileURLWithPath: path)) }
      let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
      defer { try? file.close() }  // what was written is there already
      try file.seekToEnd()
      try file.write(contentsOf: line)
    } catch {
      throw ApusError(.disk, "cannot write \(path): \((error as NSError).localizedDescription)")
    }
  }
}

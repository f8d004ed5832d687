import Foundation
import PlacementSelection
import Serving

/// Measured placements of no cluster: one JSON object in each line.
enum PlacementTrialFile {
  /// - Throws: `badInput` naming the line that is no trial.
  static func read(path: String) throws(ApusError) -> [PlacementTrial] {
    let data = Data(try InputFile.bytes(path))
    let decoder = JSONDecoder()
    var trials: [PlacementTrial] = []
    for (number, line) in data.split(separator: 0x0A).enumerated() {
      do {
        trials.append(try decoder.decode(PlacementTrial.self, from: line))
      } catch {
        throw ApusError(.badInput, "\(path), line \(number + 1) is no measured placement: \(InputFile.reason(error))")
      }
    }
    return trials
  }

  /// Adds a measured placement, for `recommend --trials` to learn from.
  static func append(_ trial: PlacementTrial, to path: String) throws(ApusError) {
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

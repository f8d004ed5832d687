import ExpertPlacement
import Foundation
import PlacementSimulation
import Serving

/// Loads and traces that placements are measured on: recorded where they are there, generated otherwise.
enum PlacementData {
  struct Loads {
    /// In words.
    var source: String
    var recordings: [(name: String, load: ExpertLoad)]
  }

  struct Traces {
    var source: String
    var isRecorded: Bool
    var recordings: [(task: String, trace: RoutingTrace)]
  }

  /// Recorded loads are of 58 layers x 256 experts, as DeepSeek-V3 has them.
  static func loads(_ folder: String) throws(ApusError) -> Loads {
    var recordings: [(name: String, load: ExpertLoad)] = []
    for name in names(folder, suffix: ".csv") {
      let load = try RoutingImporters.recording(try RecordingFile(path: "\(folder)/\(name)")).load
      if load.layerCount == 58, load.expertCount == 256 { recordings.append((name, load)) }
    }
    guard recordings.isEmpty else { return Loads(source: "\(recordings.count) recorded loads", recordings: recordings) }
    return Loads(
      source: "generated loads (Zipf), as there are no recorded ones in \(folder)",
      recordings: try (0..<4).map { number throws(ApusError) in
        ("generated-\(number)", try GeneratedRouting.load(layerCount: 58, expertCount: 256, seed: UInt64(number)))
      })
  }

  /// Recorded traces are of 26 layers, 6 of 64 experts, as DeepSeek-V2-Lite has them.
  static func traces(_ folder: String) throws(ApusError) -> Traces {
    var recordings: [(task: String, trace: RoutingTrace)] = []
    for name in names(folder, suffix: ".ids.u8") {
      guard let data = FileManager.default.contents(atPath: "\(folder)/\(name)") else { continue }
      recordings.append(
        (
          String(name.dropLast(".ids.u8".count)),
          try RoutingTrace(bytes: [UInt8](data), layerCount: 26, topK: 6, expertCount: 64)
        ))
    }
    guard recordings.isEmpty else {
      return Traces(source: "\(recordings.count) recorded traces", isRecorded: true, recordings: recordings)
    }
    return Traces(
      source: "generated traces, as there are no recorded ones in \(folder)", isRecorded: false,
      recordings: GeneratedRouting.allCases.map {
        ($0.rawValue, $0.trace(tokenCount: 4096, expertCount: 64, topK: 6, seed: 1))
      })
  }

  private static func names(_ folder: String, suffix: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter { $0.hasSuffix(suffix) }.sorted()
  }
}

import Foundation
import History
import PlacementSelection
import Serving

/// What is known of placements that were measured before, and what was learned from it.
enum PlacementEvidence {
  /// - Parameters:
  ///   - trials: file of JSON lines; nil for none.
  ///   - history: a coordinator's history; nil for none.
  /// - Throws: `badInput` for a file that is none of these: reading must not make one.
  static func selector(trials: String?, history: String?) async throws(ApusError) -> PlacementSelector {
    var all: [PlacementTrial] = []
    if let trials { all += try PlacementTrialFile.read(path: trials) }
    if let history { all += try await Self.trials(history: history) }
    return try PlacementSelector(learningFrom: all)
  }

  private static func trials(history path: String) async throws(ApusError) -> [PlacementTrial] {
    guard FileManager.default.fileExists(atPath: path) else {
      throw ApusError(
        .badInput, "there is no history at \(path)", advice: "give history.sqlite of the coordinator's state directory")
    }
    let store = try SQLiteHistoryStore(path: path)
    let measured: [PlacementMeasurement]
    do throws(ApusError) {
      measured = try await store.placements(model: nil)
    } catch {
      await store.close()
      throw error
    }
    await store.close()
    return measured.compactMap(PlacementTrial.init)
  }
}

import Foundation
import History
import Serving

/// A history's file, read whole for an evaluation.
enum StoredHistory {
  /// - Returns: every measurement without its samples, in the order stored, and every model.
  static func read(_ path: String) async throws -> (measurements: [Serving.Measurement], models: [ModelProfile]) {
    guard FileManager.default.fileExists(atPath: path) else {
      throw ApusError(.badInput, "there is no history at \(path)", advice: "name a file such as .apus/history.sqlite")
    }
    let store = try SQLiteHistoryStore(path: path)
    let stored = try await store.measurements(MeasurementFilter(), includingSamples: false)
    let models = try await store.models()
    await store.close()
    return (stored.map(\.measurement), models)
  }
}

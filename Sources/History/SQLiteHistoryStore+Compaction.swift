import Foundation
import GRDB
public import Serving

extension SQLiteHistoryStore {
  /// Drops old raw samples if asked to, and gives unused space back to the file system.
  ///
  /// Measurements and their metrics stay. Appends wait meanwhile; the disk needs room for a second copy of what stays.
  /// - Parameters:
  ///   - droppingSamplesOlderThanDays: Drops the raw samples of measurements that started longer ago. Nil keeps all.
  ///   - nowMS: Milliseconds since 1970-01-01 UTC that ages are counted from; nil for now.
  /// - Throws: `badInput` for a negative number of days, `disk` when there is no room, `tryAgain` when another process
  ///   is using the history.
  public func compact(
    droppingSamplesOlderThanDays days: Int? = nil, nowMS: Int64? = nil
  ) async throws(ApusError) {
    if let days, days < 0 || days > 1_000_000 {
      throw ApusError(.badInput, "\(days) days is no age", advice: "give a number of days from 0 to 1000000")
    }
    let now = nowMS ?? Int64(Date().timeIntervalSince1970 * 1000)
    try await write { db in
      if let days {
        try db.execute(
          sql: """
            DELETE FROM samples WHERE measurement_row IN (SELECT row FROM measurements WHERE started_at_ms < ?)
            """, arguments: [now - Int64(days) * 86_400_000])
      }
      try db.execute(sql: "VACUUM")
      // Best effort: with a reader at work the log stays until the next checkpoint.
      _ = try? db.checkpoint(.truncate)
    }
  }
}

import Foundation
import GRDB
import History
import Serving
import TestKit

/// Foundation has a type of this name, too.
typealias Measurement = Serving.Measurement

extension TemporaryFolder {
  func file(_ name: String = "history.sqlite") -> String { path + "/" + name }

  /// Does with a database what no store of ours would.
  func execute(_ sql: String, on file: String) throws {
    var configuration = Configuration()
    configuration.foreignKeysEnabled = false
    let database = try DatabaseQueue(path: file, configuration: configuration)
    try database.writeWithoutTransaction { try $0.execute(sql: sql) }
    try database.close()
  }
}

/// The error `body` throws; nil when it throws none.
func refusal(_ body: () async throws(ApusError) -> Void) async -> ApusError? {
  do {
    try await body()
    return nil
  } catch {
    return error
  }
}

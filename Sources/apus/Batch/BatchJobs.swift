import Engines
import Messaging
import Serving

/// The jobs of a batch file that have not ended.
enum BatchJobs {
  /// Most jobs that a coordinator lists at once.
  static let mostListed = 10_000

  /// Found by their idempotency keys, which name the line: whatever model or options they were submitted with. Only this
  /// client's own.
  static func unfinished(of path: String, _ client: CoordinatorClient) async throws -> [JobID] {
    let own = await client.name
    var jobs: [String: [JobID]] = [:]
    for state in [JobState.queued, .running] {
      guard case .jobs(let records) = try await client.ask(.listJobs(state: state, limit: mostListed)) else {
        throw ApusError(.bug, "the coordinator answered a list of jobs with something else")
      }
      for record in records where record.client == own {
        guard let line = record.spec.idempotencyKey.flatMap(BatchKey.line) else { continue }
        jobs[line, default: []].append(record.id)
      }
    }
    var found: [JobID] = []
    var lines = try BatchLines(path)
    while let line = try lines.next() {
      guard let bytes = line.bytes else { continue }
      found += jobs.removeValue(forKey: BatchKey.digest(ofLine: bytes)) ?? []
    }
    return found
  }
}

import Messaging
import Serving

/// The jobs of a batch file that have not ended.
enum BatchJobs {
  /// Found by their idempotency keys, which name the line: whatever model or options they were submitted with. Only this
  /// client's own.
  ///
  /// - Returns: those that one answer of the coordinator holds, and whether that is all.
  static func unfinished(of path: String, _ client: CoordinatorClient) async throws -> (jobs: [JobID], isWhole: Bool) {
    let own = await client.name
    let listing = try await JobListing([.queued, .running], client)
    var jobs: [String: [JobID]] = [:]
    for record in listing.jobs where record.client == own {
      guard let line = record.spec.idempotencyKey.flatMap(BatchKey.line) else { continue }
      jobs[line, default: []].append(record.id)
    }
    var found: [JobID] = []
    var lines = try BatchLines(path)
    while !jobs.isEmpty, let line = try lines.next() {
      guard let bytes = line.bytes else { continue }
      found += jobs.removeValue(forKey: BatchKey.digest(ofLine: bytes)) ?? []
    }
    return (found, listing.isWhole)
  }
}

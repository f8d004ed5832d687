import Messaging
import Serving

/// Jobs as a coordinator lists them: the newest ones, as many as one answer holds.
struct JobListing {
  private static let mostListed = 10_000

  /// Newest first.
  var jobs: [JobRecord] = []
  /// False when there may be older ones.
  var isWhole = true

  init(_ states: [JobState], _ client: CoordinatorClient) async throws {
    for state in states {
      let (records, isWhole) = try await Self.list(state, client)
      jobs += records
      self.isWhole = self.isWhole && isWhole
    }
  }

  /// Asks for fewer where long prompts and answers make more than one answer takes.
  private static func list(
    _ state: JobState, _ client: CoordinatorClient
  ) async throws -> (records: [JobRecord], isWhole: Bool) {
    var limit = mostListed
    while true {
      do {
        guard case .jobs(let records) = try await client.ask(.listJobs(state: state, limit: limit)) else {
          throw ApusError(.bug, "the coordinator answered a list of jobs with something else")
        }
        return (records, records.count < limit)
      } catch let error as ApusError where error.code == .badInput && limit > 1 {
        limit /= 2
      }
    }
  }
}

import ArgumentParser
import Messaging
import Serving

/// `apus jobs retry`: makes new jobs of old ones.
struct JobsRetryCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retry", abstract: "Submit failed or cancelled jobs again, as new jobs.",
    discussion: "Asked for again, a retry is the same new job, unless that one failed or was cancelled too.")
  @OptionGroup var options: ClientOptions
  @Argument(help: "The jobs.") var jobs: [String] = []
  @Flag(help: "All failed jobs.") var failed = false

  func run() async throws {
    guard jobs.isEmpty == failed else {
      throw ApusError(.usage, "give jobs, or --failed", advice: "see `apus jobs list --status failed`")
    }
    let client = try await options.connect()
    defer { Task { await client.close() } }
    var ids = jobs.map { JobID($0) }
    var chains = RetryChains(lost: [])
    if failed {
      let lost = try await JobListing([.failed], client)
      chains = RetryChains(lost: try await lost.jobs + JobListing([.cancelled], client).jobs)
      ids = lost.jobs.map(\.id).reversed()
      if !lost.isWhole {
        Console.note("only the newest \(ids.count) failed jobs are tried again: more were not listed")
      }
    }
    var made: [JobID: JobRecord] = [:]
    var outcomes = JobOutcomes(json: options.json, isSingle: !failed && ids.count == 1)
    for id in ids {
      do {
        let last = chains.lastTry(of: id)
        let record = if let known = made[last] { known } else { try await Self.retry(last, client) }
        made[last] = record
        outcomes.add(
          record.id, [("retry_of", .string(id.rawValue)), ("state", .string(record.state.rawValue))],
          Self.words(id, record))
      } catch let error as ApusError where error.code == .badInput && ids.count > 1 {
        outcomes.add(id, error)
      }
    }
    if failed, ids.isEmpty, !options.json { Console.print("no job has failed") }
    try outcomes.finish(fails: true)
  }

  private static func retry(_ id: JobID, _ client: CoordinatorClient) async throws -> JobRecord {
    guard case .accepted(let record) = try await client.ask(.retryJob(id)) else {
      throw ApusError(.bug, "the coordinator answered a retry with something else")
    }
    return record
  }

  private static func words(_ id: JobID, _ record: JobRecord) -> String {
    if record.id == id { return "\(id) has not ended: it is \(record.state.rawValue)" }
    if record.state == .queued { return "queued again as \(record.id)" }
    return "\(id) was tried again as \(record.id), which is \(record.state.rawValue)"
  }
}

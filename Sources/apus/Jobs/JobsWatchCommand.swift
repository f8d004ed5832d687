import ArgumentParser
import Messaging
import Serving

/// `apus jobs watch`: one job's tokens as they come, or how all jobs change.
struct JobsWatchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "watch", abstract: "Follow a job until it ends, or all until none is queued or running.")
  @OptionGroup var options: ClientOptions
  @Argument(help: "The job; left out with --all.") var job: String?
  @Flag(help: "A table of all unfinished jobs on a terminal; elsewhere, and with --json, a line for each change.")
  var all = false
  @Option(help: ArgumentHelp("How often to look at all jobs.", valueName: "seconds")) var interval = 1.0

  func run() async throws {
    guard (job == nil) == all else {
      throw ApusError(.usage, "give one job, or --all", advice: "see `apus jobs list`")
    }
    guard (0.05...3600).contains(interval) else {
      throw ApusError(.usage, "--interval \(interval) is not between 0.05 and 3600 seconds")
    }
    let client = try await options.connect()
    defer { Task { await client.close() } }
    if let job {
      try await JobStream(isStreaming: true, json: options.json).follow(
        await client.answers(to: .watchJob(JobID(job))))
      return
    }
    var board = JobBoard(json: options.json)
    repeat {
      // Queued ones are asked for first: one that starts in between is in both answers rather than in none.
      let queued = try await JobListing([.queued], client).jobs
      let running = try await JobListing([.running], client).jobs
      let started = Set(running.map(\.id))
      let jobs = running.reversed() + queued.reversed().filter { !started.contains($0.id) }
      var ended: [JobRecord] = []
      for id in board.gone(from: jobs) {
        guard case .job(let record, _) = try await client.ask(.showJob(id)) else {
          throw ApusError(.bug, "the coordinator answered a job with something else")
        }
        if record.state.isFinished { ended.append(record) }
      }
      board.show(jobs, ended: ended)
      if !board.isEmpty { try await Task.sleep(for: .seconds(interval)) }
    } while !board.isEmpty
  }
}

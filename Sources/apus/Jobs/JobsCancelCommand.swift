import ArgumentParser
import Messaging
import Serving

/// `apus jobs cancel`: stops jobs, wherever they are.
struct JobsCancelCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cancel", abstract: "Stop jobs: queued ones never run, and engines stop to generate for running ones.")
  @OptionGroup var options: ClientOptions
  @Argument(help: "The jobs.") var jobs: [String] = []
  @Option(help: ArgumentHelp("All unfinished jobs of a batch file.", valueName: "file.jsonl")) var batch: String?

  func run() async throws {
    guard jobs.isEmpty != (batch == nil) else {
      throw ApusError(.usage, "give jobs, or --batch FILE", advice: "see `apus jobs list`")
    }
    let client = try await options.connect()
    defer { Task { await client.close() } }
    var ids = jobs.map { JobID($0) }
    if let batch { ids = try await BatchJobs.unfinished(of: batch, client) }
    var outcomes = JobOutcomes(json: options.json, isSingle: batch == nil && ids.count == 1)
    for id in ids {
      do {
        _ = try await client.ask(.cancelJob(id))
        outcomes.add(id, [("state", "cancelled")], "cancelled \(id)")
      } catch let error as ApusError where error.code == .badInput && ids.count > 1 {
        outcomes.add(id, error)
      }
    }
    if let batch, ids.isEmpty, !options.json { Console.print("no job of \(batch) is queued or running") }
    // A job of a batch that ended just before needs no cancelling.
    try outcomes.finish(fails: batch == nil)
  }
}

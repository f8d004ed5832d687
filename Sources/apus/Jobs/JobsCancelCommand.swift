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
    guard let batch else {
      var outcomes = JobOutcomes(json: options.json, isSingle: jobs.count == 1)
      try await Self.cancel(jobs.map { JobID($0) }, client, &outcomes, isAlone: jobs.count == 1)
      return try outcomes.finish(fails: true)
    }
    var outcomes = JobOutcomes(json: options.json, isSingle: false)
    var known: Set<JobID> = []
    while true {
      let (found, isWhole) = try await BatchJobs.unfinished(of: batch, client)
      let new = found.filter { known.insert($0).inserted }
      try await Self.cancel(new, client, &outcomes, isAlone: false)
      // Those that are cancelled make room in the next answer for older ones.
      if isWhole || new.isEmpty { break }
    }
    if known.isEmpty, !options.json { Console.print("no job of \(batch) is queued or running") }
    // A job that ended just before needs no cancelling.
    try outcomes.finish(fails: false)
  }

  /// - Parameter isAlone: whether what goes wrong with one is all there is to say.
  private static func cancel(
    _ jobs: [JobID], _ client: CoordinatorClient, _ outcomes: inout JobOutcomes, isAlone: Bool
  ) async throws {
    for id in jobs {
      do {
        _ = try await client.ask(.cancelJob(id))
        outcomes.add(id, [("state", "cancelled")], "cancelled \(id)")
      } catch let error as ApusError where error.code == .badInput && !isAlone {
        outcomes.add(id, error)
      }
    }
  }
}

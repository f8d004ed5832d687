import ArgumentParser
import Foundation
import Messaging
import Serving

/// `apus jobs`: what was submitted and what became of it.
struct JobsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "jobs", abstract: "List, show, watch, cancel and retry jobs.",
    subcommands: [
      List.self, Show.self, JobsWatchCommand.self, JobsCancelCommand.self, JobsRetryCommand.self,
    ], defaultSubcommand: List.self)

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Jobs, newest first.")
    @OptionGroup var options: ClientOptions
    @Option(help: "Only queued, running, completed, failed or cancelled ones.") var status: String?
    @Option(help: "At most so many, 1 to 10000.") var limit = 50

    func run() async throws {
      guard (1...10_000).contains(limit) else {
        throw ApusError(.usage, "--limit \(limit) is not between 1 and 10000")
      }
      let wanted = try status.map { text throws(ApusError) -> JobState in
        guard let value = JobState(rawValue: text) else {
          throw ApusError(
            .usage, "--status \(text) is not a state",
            advice: "use \(JobState.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return value
      }
      let client = try await options.connect()
      guard case .jobs(let jobs) = try await client.ask(.listJobs(state: wanted, limit: limit)) else {
        throw ApusError(.bug, "the coordinator answered a list of jobs with something else")
      }
      await client.close()
      if options.json {
        Console.print(JSONValue.object([("jobs", .array(jobs.map { JobOutput.json($0, nil) }))]).text)
      } else {
        Console.print(JobOutput.table(jobs).text())
      }
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "One job with its measurement, or why it waits.")
    @OptionGroup var options: ClientOptions
    @Argument var job: String

    func run() async throws {
      let client = try await options.connect()
      guard case .job(let record, let figures) = try await client.ask(.showJob(JobID(job))) else {
        throw ApusError(.bug, "the coordinator answered a job with something else")
      }
      let modelName = options.json ? nil : try await Reference.modelNames(client)[record.spec.model]
      await client.close()
      Console.print(
        options.json ? JobOutput.json(record, figures).text : JobOutput.text(record, figures, modelName: modelName))
    }
  }
}

import ArgumentParser
import Foundation
import Messaging
import Serving

/// `apus jobs`: what was submitted and what became of it.
struct JobsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "jobs", abstract: "List, show, watch, cancel and retry jobs.",
    subcommands: [List.self, Show.self, Watch.self, Cancel.self, Retry.self], defaultSubcommand: List.self)

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
    static let configuration = CommandConfiguration(abstract: "One job with its measurement.")
    @OptionGroup var options: ClientOptions
    @Argument var job: String

    func run() async throws {
      let client = try await options.connect()
      guard case .job(let record, let measurement) = try await client.ask(.showJob(JobID(job))) else {
        throw ApusError(.bug, "the coordinator answered a job with something else")
      }
      await client.close()
      Console.print(
        options.json ? JobOutput.json(record, measurement).text : JobOutput.text(record, measurement))
    }
  }

  struct Watch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Follow a job until it ends.")
    @OptionGroup var options: ClientOptions
    @Argument var job: String

    func run() async throws {
      let client = try await options.connect()
      defer { Task { await client.close() } }
      try await JobStream(isStreaming: true, json: options.json).follow(
        await client.answers(to: .watchJob(JobID(job))))
    }
  }

  struct Cancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Stop a job.")
    @OptionGroup var options: ClientOptions
    @Argument var job: String

    func run() async throws {
      let client = try await options.connect()
      _ = try await client.ask(.cancelJob(JobID(job)))
      await client.close()
      Console.print(
        options.json ? JSONValue.object([("job", .string(job)), ("state", "cancelled")]).text : "cancelled \(job)")
    }
  }

  struct Retry: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Submit a failed or cancelled job again, as a new job.")
    @OptionGroup var options: ClientOptions
    @Argument var job: String

    func run() async throws {
      let client = try await options.connect()
      guard case .accepted(let record) = try await client.ask(.retryJob(JobID(job))) else {
        throw ApusError(.bug, "the coordinator answered a retry with something else")
      }
      await client.close()
      Console.print(
        options.json
          ? JSONValue.object([("job", .string(record.id.rawValue)), ("retry_of", .string(job))]).text
          : "queued again as \(record.id)")
    }
  }
}

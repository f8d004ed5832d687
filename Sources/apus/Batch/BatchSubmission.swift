import Foundation
import Serving

/// `apus submit --batch`: from the options to the results file and the summary.
struct BatchSubmission {
  var client: CoordinatorClient
  var path: String
  /// Nil for `NAME.results.jsonl` beside `NAME.jsonl`.
  var output: String?
  /// The model of all lines; nil to take what they name.
  var model: String?
  /// Nil for twice as many jobs as the connected workers run at once.
  var concurrency: Int?
  var defaults: BatchDefaults
  /// Submit nothing when a line cannot run.
  var isStrict: Bool
  var retriesFailed: Bool
  var json: Bool

  private static let mostConcurrent = 1000
  private static let leastConcurrent = 4

  var outputPath: String {
    output ?? (path.hasSuffix(".jsonl") ? String(path.dropLast(6)) : path) + ".results.jsonl"
  }

  func run() async throws {
    if let concurrency, !(1...Self.mostConcurrent).contains(concurrency) {
      throw ApusError(.usage, "--concurrency \(concurrency) is not between 1 and \(Self.mostConcurrent)")
    }
    let survey = try await BatchSurvey(path, model: model, client)
    if let faults = survey.faults {
      guard !isStrict else {
        throw ApusError(.badInput, faults, advice: "mend them, or leave --strict out to run the others")
      }
      Console.note(faults)
    }
    let progress = BatchProgress(lineCount: survey.lineCount)
    let run = BatchRun(
      client: client, path: path, survey: survey, defaults: defaults, concurrency: try await jobsAtOnce(),
      retriesFailed: retriesFailed, progress: progress)
    let (path, outputPath, retriesFailed) = (path, outputPath, retriesFailed)
    do {
      try await Interruption.guarding {
        try await run.run(into: BatchOutput(outputPath, goesOn: !retriesFailed))
      } leave: {
        let done = await progress.counts.done
        await progress.finish(
          "interrupted: \(done) of \(survey.lineCount) lines are done, and jobs that were submitted go on")
        Console.note(
          "the same command goes on with the batch; `apus jobs cancel --batch \(path)` ends its jobs")
      }
    } catch let error as ApusError where error.code == .tryAgain || error.code == .unavailable {
      throw ApusError(
        error.code, error.reason,
        advice: "run the same command again: it goes on behind the \(await progress.counts.done) lines that are done")
    }
    try await conclude(progress)
  }

  private func jobsAtOnce() async throws -> Int {
    if let concurrency { return concurrency }
    guard case .workers(let workers) = try await client.ask(.listWorkers) else {
      throw ApusError(.bug, "the coordinator answered a list of workers with something else")
    }
    let capacity = workers.filter(\.isAlive).reduce(0) { $0 + $1.description.jobCapacity }
    return min(Self.mostConcurrent, max(Self.leastConcurrent, 2 * capacity))
  }

  /// Says how it went, and fails when not all lines succeeded.
  private func conclude(_ progress: BatchProgress) async throws {
    let counts = await progress.counts
    let seconds = await progress.elapsedSeconds
    let rate = counts.tokens > 0 ? Double(counts.tokens) / seconds : nil
    var parts = ["\(counts.done) lines: \(counts.completed) completed"]
    if counts.failed > 0 { parts.append("\(counts.failed) failed") }
    if counts.refused > 0 { parts.append("\(counts.refused) could not run") }
    if counts.resumed > 0 { parts.append("\(counts.resumed) of them in an earlier run") }
    if counts.reused > 0 { parts.append("\(counts.reused) of them by earlier jobs with the same line and options") }
    await progress.finish(
      parts.joined(separator: ", ") + "; \(Figures.seconds(seconds))" + (rate.map { ", \(Figures.rate($0))" } ?? "")
        + "; results in \(outputPath)")
    if json {
      Console.print(
        JSONValue.object([
          ("batch", .string(path)), ("output", .string(outputPath)), ("line_count", .int(counts.done)),
          ("completed_count", .int(counts.completed)), ("failed_count", .int(counts.failed)),
          ("refused_count", .int(counts.refused)), ("resumed_count", .int(counts.resumed)),
          ("reused_count", .int(counts.reused)),
          ("received_token_count", .int(counts.tokens)), ("elapsed_s", .double(seconds)),
          ("throughput_tok_per_s", JSONValue(rate)),
        ]).text)
    }
    guard counts.completed < counts.done else { return }
    throw ApusError(
      counts.failed > 0 ? .unavailable : .badInput,
      "\(counts.done - counts.completed) of \(counts.done) lines have no answer",
      advice: "their `error` in \(outputPath) says why"
        + (counts.failed > 0 ? "; the same command with --retry-failed tries those that failed again" : ""))
  }
}

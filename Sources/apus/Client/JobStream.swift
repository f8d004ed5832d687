import Foundation
import Messaging
import Serving

/// Shows a job as it comes: tokens once each, then how it ended.
struct JobStream {
  /// Print tokens as they come; otherwise the whole output at the end.
  var isStreaming: Bool
  var json: Bool
  /// How long the job may have nowhere to run before it is left to itself; nil for as long as it takes.
  var patience: Duration?
  /// Told which job it is, once it is accepted.
  var accepted: @Sendable (JobID) -> Void = { _ in }
  /// Ends the answers with an error.
  var giveUp: @Sendable (ApusError) async -> Void = { _ in }

  /// Reads answers until the job ends.
  ///
  /// - Throws: what ended it: `unavailable` for a job that failed, with its reason; `tryAgain` when patience ended.
  func follow(_ answers: AsyncThrowingStream<ClientResponse, any Error>) async throws {
    var job: JobRecord?
    do {
      try await show(answers, &job)
    } catch let error as ApusError where error.isRetriable {
      guard let job, !error.description.contains(job.id.rawValue) else { throw error }
      throw ApusError(
        error.code, "\(error.reason); \(job.id) goes on without this program",
        advice: "once a coordinator answers, `apus jobs watch \(job.id)` follows it, "
          + "`apus jobs cancel \(job.id)` ends it")
    }
  }

  private func show(
    _ answers: AsyncThrowingStream<ClientResponse, any Error>, _ job: inout JobRecord?
  ) async throws {
    var shownBytes = 0
    var limit: Task<Void, any Error>?
    defer { limit?.cancel() }
    for try await answer in answers {
      switch answer {
      case .accepted(let record):
        job = record
        accepted(record.id)
        if isStreaming && !json { Console.note("accepted as \(record.id)") }
      case .jobWaiting(let job, let reason):
        Console.note("\(job) waits: \(reason)")
        limit = limit ?? patience.map { end(of: job, because: reason, after: $0) }
      case .tokens(let chunk):
        limit?.cancel()
        limit = nil
        if isStreaming && !json {
          Console.write(chunk.text)
          shownBytes += chunk.text.utf8.count
        }
      case .jobEnded(let end):
        let record = try end.record(from: job)
        if json {
          Console.print(JobOutput.json(record, end.figures).text)
        } else {
          // What the stream did not bring (a job watched late, a last piece) is in the record.
          Console.print(String(decoding: record.output.utf8.dropFirst(shownBytes), as: UTF8.self))
          for call in record.toolCalls { Console.print("\(call.name)(\(call.arguments))") }
          if let worker = record.worker, let configuration = record.configuration {
            Console.note(
              "ran on \(worker) with \(configuration.label)" + (record.isExploration ? ", an exploration" : ""))
          }
          if let summary = JobOutput.comparison(record, end.figures) { Console.note(summary) }
        }
        guard record.state == .completed else {
          throw ApusError(
            .unavailable, "job \(record.id) \(record.state.rawValue): \(record.failure ?? "no reason was given")",
            advice: "try it again with `apus jobs retry \(record.id)`")
        }
        return
      default:
        throw ApusError(.bug, "the coordinator answered a job with something else")
      }
    }
    throw ApusError(.unavailable, "the coordinator stopped answering before the job ended")
  }

  private func end(of job: JobID, because reason: String, after patience: Duration) -> Task<Void, any Error> {
    Task { [giveUp] in
      try await Task.sleep(for: patience)
      await giveUp(
        ApusError(
          .tryAgain, "job \(job) still waits after \(patience): \(reason)",
          advice: "it runs once a node comes that can: `apus jobs watch \(job)` follows it, "
            + "`apus jobs cancel \(job)` ends it"))
    }
  }
}

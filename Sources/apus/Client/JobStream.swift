import Foundation
import Messaging
import Serving

/// Shows a job as it comes: tokens once each, then how it ended.
struct JobStream {
  /// Print tokens as they come; otherwise the whole output at the end.
  var isStreaming: Bool
  var json: Bool

  /// Reads answers until the job ends.
  ///
  /// - Throws: what ended it: `unavailable` for a job that failed, with its reason.
  @discardableResult
  func follow(_ answers: AsyncThrowingStream<ClientResponse, any Error>) async throws -> (
    JobRecord, Serving.Measurement?
  ) {
    var shownBytes = 0
    for try await answer in answers {
      switch answer {
      case .accepted(let record):
        if isStreaming && !json { Console.note("accepted as \(record.id)") }
      case .tokens(let chunk):
        if isStreaming && !json {
          Console.write(chunk.text)
          shownBytes += chunk.text.utf8.count
        }
      case .jobEnded(let record, let measurement):
        if json {
          Console.print(JobOutput.json(record, measurement).text)
        } else {
          // What the stream did not bring (a job watched late, a last piece) is in the record.
          Console.print(String(decoding: record.output.utf8.dropFirst(shownBytes), as: UTF8.self))
          if let worker = record.worker, let configuration = record.configuration {
            Console.note("ran on \(worker) with \(configuration.label)")
          }
          if let summary = JobOutput.comparison(record, measurement) { Console.note(summary) }
        }
        guard record.state == .completed else {
          throw ApusError(
            .unavailable, "job \(record.id) \(record.state.rawValue): \(record.failure ?? "no reason was given")",
            advice: "try it again with `apus jobs retry \(record.id)`")
        }
        return (record, measurement)
      default:
        throw ApusError(.bug, "the coordinator answered a job with something else")
      }
    }
    throw ApusError(.unavailable, "the coordinator stopped answering before the job ended")
  }
}

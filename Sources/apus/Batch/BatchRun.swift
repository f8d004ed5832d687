import Messaging
import Serving

/// Runs a batch file: each line a job, some of them at once, their results in the order of the lines.
///
/// Nothing is submitted twice, whenever it is killed and run again: a line's job has an idempotency key made of the line
/// (`BatchKey`), and lines whose results are written already are passed over.
struct BatchRun {
  /// Results that may wait for an earlier line's, and with them the memory a batch takes.
  private static let mostHeld = 4096
  /// While the coordinator's queue is full, in seconds between two tries.
  private static let retryPauses = 0.2...5.0

  var client: CoordinatorClient
  var path: String
  var survey: BatchSurvey
  var defaults: BatchDefaults
  /// Jobs in flight at once.
  var concurrency: Int
  /// Whether jobs that failed or were cancelled in an earlier run are tried again.
  var retriesFailed: Bool
  var progress: BatchProgress

  /// A line ready to be submitted.
  private struct Submission: Sendable {
    var line: Int
    var request: BatchRequest
    var model: ModelProfile
    var spec: JobSpec
    var id: String
  }

  /// - Throws: what ended it before its end; what was written until then stays.
  func run(into output: BatchOutput) async throws {
    var file = try BatchFile(path)
    let first = try await passOver(&file, output)
    try await withThrowingTaskGroup(of: (Int, BatchResult).self) { group in
      var unread = first
      var (read, written, running) = (0, 0, 0)
      var held: [Int: BatchResult] = [:]
      while true {
        while running < concurrency, read - written < Self.mostHeld, let line = try unread ?? file.next() {
          unread = nil
          let place = read
          read += 1
          switch submission(line) {
          case .success(let submission):
            running += 1
            group.addTask { (place, try await result(of: submission)) }
          case .failure(let fault):
            let result = BatchResult(fault, line: line.number, id: BatchResult.id(line.digest))
            held[place] = result
            await progress.ended(result)
          }
        }
        while let result = held.removeValue(forKey: written) {
          try output.append(result)
          written += 1
        }
        if running > 0, let (place, result) = try await group.next() {
          running -= 1
          held[place] = result
        } else if written == read, unread == nil {
          // Nothing runs, and the loop above found no further line.
          guard let line = try file.next() else { break }
          unread = line
        }
      }
    }
    try output.finish()
  }

  /// Passes over the lines whose results an earlier run wrote.
  ///
  /// - Returns: the first of the others; nil when there is none.
  private func passOver(_ file: inout BatchFile, _ output: BatchOutput) async throws -> BatchLine? {
    while let line = try file.next() {
      let id: String
      switch submission(line) {
      case .success(let submission): id = submission.id
      case .failure: id = BatchResult.id(line.digest)
      }
      guard let earlier = try output.earlierResult(id) else { return line }
      await progress.resumed(earlier.ending)
    }
    return nil
  }

  private func submission(_ line: BatchLine) -> Result<Submission, BatchFault> {
    do throws(BatchFault) {
      let request = try line.request.get()
      let model = try survey.models.profile(of: request).get()
      let key = BatchKey(line: line.digest, model: model.id, defaults).text
      let spec = try request.job(on: model, key: key, defaults.completion(line: line.digest))
      return .success(
        Submission(line: line.number, request: request, model: model, spec: spec, id: BatchResult.id(key)))
    } catch {
      return .failure(error)
    }
  }

  /// Submits a line until the coordinator takes it, and waits for its job's end.
  private func result(of submission: Submission) async throws -> BatchResult {
    var pause = Self.retryPauses.lowerBound
    while true {
      do {
        return try await follow(submission)
      } catch let error as ApusError where error.code == .badInput {
        let fault = BatchFault(error.reason, advice: error.advice, customID: submission.request.customID)
        let result = BatchResult(fault, line: submission.line, id: submission.id)
        await progress.ended(result)
        return result
      } catch let error as ApusError where error.code == .tryAgain {
        // A full queue passes; a lost connection does not.
        guard await client.isOpen else { throw error }
        try await Task.sleep(for: .seconds(pause))
        pause = min(2 * pause, Self.retryPauses.upperBound)
      }
    }
  }

  private func follow(_ submission: Submission) async throws -> BatchResult {
    var request = ClientRequest.submit(submission.spec)
    while true {
      var shownTokens = 0
      var accepted: JobRecord?
      var end: JobEnd?
      for try await answer in await client.answers(to: request) {
        switch answer {
        case .accepted(let record): accepted = record
        case .jobWaiting(let job, let reason): await progress.waits(job, reason)
        case .tokens(let chunk):
          shownTokens += chunk.tokenIDs.count
          await progress.received(tokens: chunk.tokenIDs.count)
        case .jobEnded(let told): end = told
        default: throw ApusError(.bug, "the coordinator answered a job with something else")
        }
      }
      guard let end else { throw ApusError(.tryAgain, "the coordinator stopped answering before a job ended") }
      let record = try end.record(from: accepted)
      if retriesFailed, accepted?.state.isFinished == true, record.state != .completed {
        // The coordinator answers with the latest try, if that is not lost too.
        request = .retryJob(record.id)
        continue
      }
      let result = BatchResult(
        record, end.figures, of: submission.request, model: submission.model.name, shownTokens: shownTokens,
        id: submission.id)
      await progress.ended(result, wasDone: accepted?.state.isFinished == true)
      return result
    }
  }
}

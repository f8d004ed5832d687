import Messaging
import Serving

/// What a client asked for while it is generated: one job for each choice, their events in one stream.
struct Generation: Sendable {
  struct Event: Sendable {
    enum Kind: Sendable {
      /// What the stream did not bring of them has no ids.
      case piece(GeneratedTokens)
      case ended(JobRecord, JobFigures?)
    }
    var choice: Int
    var kind: Kind
  }

  typealias Events = AsyncThrowingStream<Event, any Error>

  /// Of each choice, in order.
  let jobs: [JobRecord]
  let events: Events
  private let following: Task<Void, Never>

  /// Submits, and waits until every job is accepted.
  ///
  /// - Parameters:
  ///   - client: all jobs are cancelled when it goes away; `events` end with a `CancellationError` then.
  ///   - patience: how long a job may have no node that can run it.
  /// - Throws: what refused the first that was; the others are cancelled then, as all are when the task is.
  static func start(
    _ specs: [JobSpec], for client: ClientPresence, over link: CoordinatorLink, patience: Duration
  ) async throws -> Generation {
    let (events, continuation) = Events.makeStream()
    let (accepted, acceptance) = AsyncThrowingStream.makeStream(of: (choice: Int, job: JobRecord).self)
    let following = Task(executorPreference: link.taskExecutor) {
      await withTaskGroup { group in
        for (choice, spec) in specs.enumerated() {
          group.addTask {
            let answers = await link.answers(to: .submit(spec))
            let follower = Follower(choice: choice, patience: patience, link: link, events: continuation)
            do {
              try await follower.follow(answers) { acceptance.yield((choice, $0)) }
            } catch {
              acceptance.finish(throwing: error)
              continuation.finish(throwing: error)
            }
          }
        }
      }
      continuation.finish()
    }
    let watch = client.watch {
      acceptance.finish(throwing: CancellationError())
      continuation.finish(throwing: CancellationError())
    }
    continuation.onTermination = { _ in
      following.cancel()
      client.unwatch(watch)
    }
    var jobs = [JobRecord?](repeating: nil, count: specs.count)
    do {
      for try await (choice, job) in accepted {
        jobs[choice] = job
        if jobs.allSatisfy({ $0 != nil }) { break }
      }
      try Task.checkCancellation()
    } catch {
      following.cancel()
      throw error
    }
    return Generation(jobs: jobs.compactMap(\.self), events: events, following: following)
  }

  /// Nobody waits for the answer any more: the link cancels the jobs whose answers are followed no longer.
  func abandon() { following.cancel() }
}

/// Turns the coordinator's answers to one job into events.
private struct Follower: Sendable {
  let choice: Int
  let patience: Duration
  let link: CoordinatorLink
  let events: Generation.Events.Continuation

  func follow(_ answers: CoordinatorLink.Answers, accepted: (JobRecord) -> Void) async throws {
    var job: JobRecord?
    var shownBytes = 0
    var shownCalls: [ToolCallPiece] = []
    var limit: Task<Void, Never>?
    defer { limit?.cancel() }
    for try await answer in answers {
      switch answer {
      case .accepted(let record):
        job = record
        accepted(record)
      case .tokens(let chunk):
        limit?.cancel()
        limit = nil
        shownBytes += chunk.text.utf8.count
        shownCalls += chunk.toolCalls
        show(GeneratedTokens(chunk.tokenIDs, chunk.text, logprobs: chunk.logprobs, toolCalls: chunk.toolCalls))
      case .jobWaiting(let id, let reason):
        limit?.cancel()
        limit = giveUp(id, because: reason)
      case .jobEnded(let end):
        let record = try end.record(from: job)
        // What the stream did not bring is in the record.
        let rest = String(decoding: record.output.utf8.dropFirst(shownBytes), as: UTF8.self)
        show(GeneratedTokens([], rest, toolCalls: record.toolCalls.pieces(behind: shownCalls.calls)))
        events.yield(Generation.Event(choice: choice, kind: .ended(record, end.figures)))
        return
      default: throw ApusError(.bug, "the coordinator answered a job with something else")
      }
    }
    throw ApusError(.unavailable, "the coordinator stopped answering before the job ended")
  }

  private func show(_ tokens: GeneratedTokens) {
    guard !tokens.isEmpty || !tokens.logprobs.isEmpty else { return }
    events.yield(Generation.Event(choice: choice, kind: .piece(tokens)))
  }

  private func giveUp(_ id: JobID, because reason: String) -> Task<Void, Never> {
    Task {
      do { try await Task.sleep(for: patience) } catch { return }
      // A node may have come: then the job runs there, or waits for its turn.
      if case .job(let now, _)? = try? await link.ask(.showJob(id)), now.waitReason != reason { return }
      if Task.isCancelled { return }
      events.finish(throwing: ApusError(.unavailable, "no node can run it: \(reason)"))
    }
  }
}

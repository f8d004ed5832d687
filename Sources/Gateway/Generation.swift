import Messaging
import Serving
import Synchronization

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
  private let submissions: Submissions

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
    let submissions = Submissions(of: specs.count, over: link)
    let watch = client.watch {
      acceptance.finish(throwing: CancellationError())
      continuation.finish(throwing: CancellationError())
    }
    continuation.onTermination = { _ in
      submissions.forsake()
      client.unwatch(watch)
    }
    for (choice, spec) in specs.enumerated() {
      let follower = Follower(
        patience: patience, link: link, accepted: { acceptance.yield((choice, $0)) },
        show: { continuation.yield(Event(choice: choice, kind: $0)) },
        end: { error in
          if let error {
            acceptance.finish(throwing: error)
            continuation.finish(throwing: error)
          } else if submissions.end() {
            continuation.finish()
          }
        })
      if let id = await link.ask(.submit(spec), { follower.take($0) }) { submissions.add(id) }
    }
    var jobs = [JobRecord?](repeating: nil, count: specs.count)
    do {
      for try await (choice, job) in accepted {
        jobs[choice] = job
        if jobs.allSatisfy({ $0 != nil }) { break }
      }
      try Task.checkCancellation()
    } catch {
      submissions.forsake()
      throw error
    }
    return Generation(jobs: jobs.compactMap(\.self), events: events, submissions: submissions)
  }

  /// Nobody waits for the answer any more: the link cancels the jobs whose answers are followed no longer.
  func abandon() { submissions.forsake() }
}

/// What was submitted for one request of a client, to be let go of together.
private final class Submissions: Sendable {
  private struct State {
    var ids: [UInt64] = []
    /// Those whose job has not ended.
    var openCount: Int
    var isForsaken = false
  }

  private let link: CoordinatorLink
  private let state: Mutex<State>

  init(of count: Int, over link: CoordinatorLink) {
    self.link = link
    state = Mutex(State(openCount: count))
  }

  func add(_ id: UInt64) {
    let isForsaken = state.withLock { state in
      state.ids.append(id)
      return state.isForsaken
    }
    if isForsaken { forsake([id]) }
  }

  /// - Returns: whether it was the last that was open.
  func end() -> Bool {
    state.withLock { state in
      state.openCount -= 1
      return state.openCount == 0
    }
  }

  func forsake() {
    let ids = state.withLock { state in
      defer { state.isForsaken = true }
      return state.isForsaken || state.openCount == 0 ? [] : state.ids
    }
    if !ids.isEmpty { forsake(ids) }
  }

  private func forsake(_ ids: [UInt64]) {
    Task(executorPreference: link.taskExecutor) { [link] in
      for id in ids { await link.forsake(id) }
    }
  }
}

/// Turns the coordinator's answers to one job into events.
private final class Follower: Sendable {
  private struct State {
    var job: JobRecord?
    var shownBytes = 0
    var shownCalls: [ToolCallPiece] = []
    /// Gives the job up when nobody can run it for too long.
    var limit: Task<Void, Never>?
    var isOver = false
  }

  private let patience: Duration
  private let link: CoordinatorLink
  private let accepted: @Sendable (JobRecord) -> Void
  private let show: @Sendable (Generation.Event.Kind) -> Void
  /// Called once, with what it failed of.
  private let end: @Sendable ((any Error)?) -> Void
  private let state = Mutex(State())

  init(
    patience: Duration, link: CoordinatorLink, accepted: @escaping @Sendable (JobRecord) -> Void,
    show: @escaping @Sendable (Generation.Event.Kind) -> Void, end: @escaping @Sendable ((any Error)?) -> Void
  ) {
    self.patience = patience
    self.link = link
    self.accepted = accepted
    self.show = show
    self.end = end
  }

  func take(_ news: CoordinatorLink.News) {
    state.withLock { state in
      guard !state.isOver else { return }
      do {
        guard try take(news, &state) else { return }
        finish(nil, &state)
      } catch {
        finish(error, &state)
      }
    }
  }

  private func finish(_ error: (any Error)?, _ state: inout State) {
    state.isOver = true
    state.limit?.cancel()
    end(error)
  }

  /// - Returns: whether the job has ended.
  private func take(_ news: CoordinatorLink.News, _ state: inout State) throws -> Bool {
    guard case .answer(let answer) = news else {
      if case .end(let error?) = news { throw error }
      throw ApusError(.unavailable, "the coordinator stopped answering before the job ended")
    }
    switch answer {
    case .accepted(let record):
      state.job = record
      accepted(record)
    case .tokens(let chunk):
      state.limit?.cancel()
      state.limit = nil
      state.shownBytes += chunk.text.utf8.count
      state.shownCalls += chunk.toolCalls
      show(GeneratedTokens(chunk.tokenIDs, chunk.text, logprobs: chunk.logprobs, toolCalls: chunk.toolCalls))
    case .jobWaiting(let id, let reason):
      state.limit?.cancel()
      state.limit = giveUp(id, because: reason)
    case .jobEnded(let end):
      let record = try end.record(from: state.job)
      // What the stream did not bring is in the record.
      let rest = String(decoding: record.output.utf8.dropFirst(state.shownBytes), as: UTF8.self)
      show(GeneratedTokens([], rest, toolCalls: record.toolCalls.pieces(behind: state.shownCalls.calls)))
      show(.ended(record, end.figures))
      return true
    default: throw ApusError(.bug, "the coordinator answered a job with something else")
    }
    return false
  }

  private func show(_ tokens: GeneratedTokens) {
    guard !tokens.isEmpty || !tokens.logprobs.isEmpty else { return }
    show(.piece(tokens))
  }

  private func giveUp(_ id: JobID, because reason: String) -> Task<Void, Never> {
    Task {
      do { try await Task.sleep(for: patience) } catch { return }
      // A node may have come: then the job runs there, or waits for its turn.
      if case .job(let now, _)? = try? await link.ask(.showJob(id)), now.waitReason != reason { return }
      if Task.isCancelled { return }
      take(.end(ApusError(.unavailable, "no node can run it: \(reason)")))
    }
  }
}

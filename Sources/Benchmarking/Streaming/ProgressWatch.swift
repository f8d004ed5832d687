import Synchronization

/// Ends an operation that makes no progress, or takes too long in all.
///
/// The operation says when it got on; time it spends in `pausing` (waiting for whoever takes the tokens) does not count.
final class ProgressWatch: Sendable {
  /// Times since the start.
  private struct State {
    var progressedAt = Duration.zero
    var pausedAt: Duration?
    /// Time spent paused so far, which is no time of the engine's.
    var paused = Duration.zero
  }

  /// Since the start.
  private let now: @Sendable () -> Duration
  private let sleep: @Sendable (Duration) async throws -> Void
  private let state = Mutex(State())

  private init(_ clock: some Clock<Duration>) {
    let start = clock.now
    now = { start.duration(to: clock.now) }
    sleep = { try await clock.sleep(for: $0) }
  }

  func progressed() {
    state.withLock { $0.progressedAt = now() }
  }

  func pausing(_ body: () async -> Void) async {
    state.withLock { $0.pausedAt = now() }
    await body()
    state.withLock { state in
      let now = now()
      state.paused += now - (state.pausedAt ?? now)
      state.pausedAt = nil
      state.progressedAt = now
    }
  }

  /// Runs `operation`, and cancels it when a limit is reached.
  static func run<Value: Sendable>(
    _ limits: RequestLimits, clock: any Clock<Duration>,
    operation: @escaping @Sendable (ProgressWatch) async throws(RequestFailure) -> Value
  ) async throws(RequestFailure) -> Value {
    let watch = ProgressWatch(clock)
    let result = await withTaskGroup(of: Result<Value, RequestFailure>.self) { group -> Result<Value, RequestFailure> in
      group.addTask {
        do throws(RequestFailure) {
          return .success(try await operation(watch))
        } catch {
          return .failure(error)
        }
      }
      group.addTask { .failure(await watch.firstLimitReached(limits)) }
      // Whichever ends first decides; the other is cancelled, and the group waits for it.
      let first = await group.next()!
      group.cancelAll()
      // What is cancelled breaks off somewhere, and that is not why it failed.
      if Task.isCancelled, case .failure = first { return .failure(.cancelled) }
      return first
    }
    return try result.get()
  }

  private func firstLimitReached(_ limits: RequestLimits) async -> RequestFailure {
    while true {
      let (silent, total) = state.withLock { state -> (Duration, Duration) in
        guard let pausedAt = state.pausedAt else {
          let now = now()
          return (now - state.progressedAt, now - state.paused)
        }
        return (.zero, pausedAt - state.paused)
      }
      let stallLeft = Duration.seconds(limits.stallSeconds) - silent
      let totalLeft = Duration.seconds(limits.totalSeconds) - total
      if stallLeft <= .zero { return .stalled(afterSeconds: limits.stallSeconds) }
      if totalLeft <= .zero { return .timedOut(afterSeconds: limits.totalSeconds) }
      do {
        try await sleep(min(stallLeft, totalLeft))
      } catch {
        return .cancelled
      }
    }
  }
}

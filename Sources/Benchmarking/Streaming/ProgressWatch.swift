import Synchronization

/// Ends an operation that makes no progress, or takes too long in all.
///
/// The operation says when it got on; time it spends in `pausing` (waiting for whoever takes the tokens) does not count.
final class ProgressWatch: Sendable {
  private struct State {
    var progressedAt: ContinuousClock.Instant
    var pausedAt: ContinuousClock.Instant?
    /// Time spent paused so far, which is no time of the engine's.
    var paused: Duration = .zero
  }

  private let startedAt: ContinuousClock.Instant
  private let state: Mutex<State>

  private init() {
    startedAt = .now
    state = Mutex(State(progressedAt: startedAt))
  }

  func progressed() {
    state.withLock { $0.progressedAt = .now }
  }

  func pausing(_ body: () async -> Void) async {
    state.withLock { $0.pausedAt = .now }
    await body()
    state.withLock {
      let now = ContinuousClock.now
      $0.paused += now - ($0.pausedAt ?? now)
      $0.pausedAt = nil
      $0.progressedAt = now
    }
  }

  /// Runs `operation`, and cancels it when a limit is reached.
  static func run<Value: Sendable>(
    _ limits: RequestLimits,
    operation: @escaping @Sendable (ProgressWatch) async throws(RequestFailure) -> Value
  ) async throws(RequestFailure) -> Value {
    let watch = ProgressWatch()
    let result = await withTaskGroup(of: Result<Value, RequestFailure>.self) { group in
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
      return first
    }
    return try result.get()
  }

  private func firstLimitReached(_ limits: RequestLimits) async -> RequestFailure {
    while true {
      let (silent, total) = state.withLock { state -> (Duration, Duration) in
        let now = ContinuousClock.now
        guard let pausedAt = state.pausedAt else {
          return (now - state.progressedAt, now - startedAt - state.paused)
        }
        return (.zero, pausedAt - startedAt - state.paused)
      }
      let stallLeft = Duration.seconds(limits.stallSeconds) - silent
      let totalLeft = Duration.seconds(limits.totalSeconds) - total
      if stallLeft <= .zero { return .stalled(afterSeconds: limits.stallSeconds) }
      if totalLeft <= .zero { return .timedOut(afterSeconds: limits.totalSeconds) }
      do {
        try await Task.sleep(for: min(stallLeft, totalLeft))
      } catch {
        return .cancelled
      }
    }
  }
}

/// A clock as the worker needs it: the time since an arbitrary origin, and waiting.
struct WorkerTime: Sendable {
  let now: @Sendable () -> Duration
  /// Throws when the task was cancelled.
  let sleep: @Sendable (Duration) async throws -> Void

  init<Source: Clock<Duration>>(_ clock: Source) {
    let origin = clock.now
    now = { origin.duration(to: clock.now) }
    sleep = { try await clock.sleep(until: clock.now.advanced(by: $0), tolerance: nil) }
  }
}

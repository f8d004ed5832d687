import Glibc
import Serving

/// The two kinds of time a coordinator needs, from one injected clock.
struct Timekeeper: Sendable {
  /// Monotonic, since the coordinator was made. Decisions use only this one.
  let now: @Sendable () -> Duration
  let sleep: @Sendable (Duration) async throws -> Void
  /// Milliseconds since 1970-01-01 UTC when `now` was zero; only for what people read.
  let originMS: Int64

  init(_ clock: some Clock<Duration>) {
    let origin = clock.now
    now = { origin.duration(to: clock.now) }
    sleep = { try await clock.sleep(for: $0) }
    originMS = Self.wallMS()
  }

  func wallMS(at now: Duration) -> Int64 { originMS + now.milliseconds }

  private static func wallMS() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }
}

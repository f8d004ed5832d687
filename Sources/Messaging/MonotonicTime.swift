import Glibc

/// The system's monotonic clock, to a few milliseconds: cheap enough to ask for each message.
public enum MonotonicTime {
  public static let now: @Sendable () -> Duration = {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
  }
}

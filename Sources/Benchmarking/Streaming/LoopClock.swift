import NIOCore
import NIOPosix

/// The continuous clock, whose sleepers wait on a timer of the thread that engines' answers come by, where they are on one:
/// set and taken back without waking another thread.
public struct LoopClock: Clock {
  public init() {}

  public var now: ContinuousClock.Instant { .now }
  public var minimumResolution: Duration { .nanoseconds(1) }

  public func sleep(until deadline: ContinuousClock.Instant, tolerance: Duration?) async throws {
    let timer = MultiThreadedEventLoopGroup.singleton.any().scheduleTask(in: TimeAmount(deadline - now)) {}
    try await withTaskCancellationHandler {
      try await timer.futureResult.get()
    } onCancel: {
      timer.cancel()
    }
  }
}

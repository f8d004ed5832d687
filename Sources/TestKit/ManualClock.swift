import Synchronization

/// A clock that stands still until a test moves it.
///
/// `advance` wakes everyone whose time has come, in the order of their deadlines, and moves no further than asked.
/// A test that must not run ahead of the code under test waits with `untilSleeping` before it advances.
public final class ManualClock: Clock, Sendable {
  public struct Instant: InstantProtocol, Sendable {
    public var offset: Duration

    public init(offset: Duration) { self.offset = offset }

    public func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
    public func duration(to other: Instant) -> Duration { other.offset - offset }
    public static func < (a: Instant, b: Instant) -> Bool { a.offset < b.offset }
  }

  private struct Sleeper {
    var id: UInt64
    var deadline: Instant
    var continuation: CheckedContinuation<Void, any Error>
  }

  /// Who waits until so many sleep.
  private struct Watcher {
    var id: UInt64
    var count: Int
    var continuation: CheckedContinuation<Void, Never>
  }

  private struct State {
    var now = Instant(offset: .zero)
    var nextID: UInt64 = 0
    var sleepers: [Sleeper] = []
    /// Cancelled before they lay down.
    var cancelled: Set<UInt64> = []
    var watchers: [Watcher] = []

    mutating func metWatchers() -> [CheckedContinuation<Void, Never>] {
      let count = sleepers.count
      let met = watchers.filter { $0.count <= count }
      watchers.removeAll { $0.count <= count }
      return met.map(\.continuation)
    }
  }

  private let state = Mutex(State())

  public init() {}

  public var now: Instant { state.withLock { $0.now } }
  public var minimumResolution: Duration { .nanoseconds(1) }

  public func sleep(until deadline: Instant, tolerance: Duration?) async throws {
    let id = newID()
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        lieDown(Sleeper(id: id, deadline: deadline, continuation: continuation))
      }
    } onCancel: {
      let sleeper = state.withLock { state -> Sleeper? in
        guard let place = state.sleepers.firstIndex(where: { $0.id == id }) else {
          state.cancelled.insert(id)
          return nil
        }
        return state.sleepers.remove(at: place)
      }
      sleeper?.continuation.resume(throwing: CancellationError())
    }
  }

  private enum Bed {
    case awake, cancelled
    case asleep([CheckedContinuation<Void, Never>])
  }

  private func lieDown(_ sleeper: Sleeper) {
    let bed = state.withLock { state -> Bed in
      if state.cancelled.remove(sleeper.id) != nil { return .cancelled }
      if sleeper.deadline <= state.now { return .awake }
      state.sleepers.append(sleeper)
      return .asleep(state.metWatchers())
    }
    switch bed {
    case .awake: sleeper.continuation.resume()
    case .cancelled: sleeper.continuation.resume(throwing: CancellationError())
    case .asleep(let watchers): for watcher in watchers { watcher.resume() }
    }
  }

  /// Moves the clock and wakes those whose deadline is reached.
  public func advance(by duration: Duration) {
    precondition(duration >= .zero, "a monotonic clock does not go back")
    let woken = state.withLock { state -> [Sleeper] in
      state.now = state.now.advanced(by: duration)
      let now = state.now
      let due = state.sleepers.filter { $0.deadline <= now }.sorted { ($0.deadline, $0.id) < ($1.deadline, $1.id) }
      state.sleepers.removeAll { $0.deadline <= now }
      return due
    }
    for sleeper in woken {
      sleeper.continuation.resume()
    }
  }

  /// Returns once at least `count` tasks sleep on this clock, or the waiting task is cancelled.
  public func untilSleeping(_ count: Int = 1) async {
    let id = newID()
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isMet = state.withLock { state in
          // A cancellation that came before found nobody to wake.
          if Task.isCancelled || state.sleepers.count >= count { return true }
          state.watchers.append(Watcher(id: id, count: count, continuation: continuation))
          return false
        }
        if isMet { continuation.resume() }
      }
    } onCancel: {
      let watcher = state.withLock { state -> Watcher? in
        guard let place = state.watchers.firstIndex(where: { $0.id == id }) else { return nil }
        return state.watchers.remove(at: place)
      }
      watcher?.continuation.resume()
    }
  }

  private func newID() -> UInt64 {
    state.withLock { state in
      state.nextID += 1
      return state.nextID
    }
  }
}

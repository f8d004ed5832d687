import DequeModule
import Synchronization

/// What a client endpoint has for its owner: bounded, in order, taken by one task.
///
/// `push` never refuses: whoever pushes looks at `hasRoom` before it takes more messages from the connection, so only
/// the few connection events can go over the limit.
final class EventQueue: Sendable {
  private struct State {
    var events: Deque<ConnectionEvent> = []
    var waiter: CheckedContinuation<ConnectionEvent?, Never>?
    var isFinished = false
    /// Whether someone stopped taking messages and waits for room.
    var isStalled = false
  }

  private let limit: Int
  private let state = Mutex(State())
  private let onRoom = Mutex<(@Sendable () -> Void)?>(nil)

  init(limit: Int) { self.limit = limit }

  /// Called, on any thread, when the owner has caught up with half of the limit after `hasRoom` said no.
  func setRoomHandler(_ handler: @escaping @Sendable () -> Void) { onRoom.withLock { $0 = handler } }

  /// Whether another message may be pushed. After a no, the room handler is called once there is room.
  func hasRoom() -> Bool {
    state.withLock { state in
      state.isStalled = state.events.count >= limit
      return !state.isStalled
    }
  }

  func push(_ event: ConnectionEvent) {
    let waiter = state.withLock { state -> CheckedContinuation<ConnectionEvent?, Never>? in
      guard !state.isFinished else { return nil }
      if let waiter = state.waiter {
        state.waiter = nil
        return waiter
      }
      state.events.append(event)
      return nil
    }
    waiter?.resume(returning: event)
  }

  /// No more events; what is there can still be taken.
  func finish() {
    let waiter = state.withLock { state in
      state.isFinished = true
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.resume(returning: nil)
    onRoom.withLock { $0 = nil }
  }

  /// The events as a sequence for one task.
  var stream: AsyncStream<ConnectionEvent> {
    AsyncStream {
      await self.next()
    } onCancel: {
      self.cancelWaiting()
    }
  }

  private func next() async -> ConnectionEvent? {
    await withCheckedContinuation { continuation in
      let (event, isOver, hasCaughtUp) = state.withLock { state -> (ConnectionEvent?, Bool, Bool) in
        precondition(state.waiter == nil, "a client endpoint's events are read by one task only")
        if let event = state.events.popFirst() {
          let hasCaughtUp = state.isStalled && state.events.count <= limit / 2
          if hasCaughtUp { state.isStalled = false }
          return (event, false, hasCaughtUp)
        }
        // A cancellation before this point found nobody waiting, so it is looked for here.
        if state.isFinished || Task.isCancelled { return (nil, true, false) }
        state.waiter = continuation
        return (nil, false, false)
      }
      if hasCaughtUp { onRoom.withLock { $0 }?() }
      if event != nil || isOver { continuation.resume(returning: event) }
    }
  }

  private func cancelWaiting() {
    let waiter = state.withLock { state in
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.resume(returning: nil)
  }
}

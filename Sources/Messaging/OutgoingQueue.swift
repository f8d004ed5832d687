import DequeModule
import Serving
import Synchronization

/// Messages on their way to the coordinator: bounded, in order, and a hello first on every connection.
///
/// Nothing leaves on a fresh connection until the owner's hello does. What waits at that time leaves after it, so
/// nothing is lost that was not on the wire. A hello is always taken at once, and whoever waits for room is let in
/// when a connection is made: else a sender that waits behind a full queue could never say hello.
final class OutgoingQueue<Item: Sendable>: Sendable {
  private struct Entry {
    var item: Item
    var isHello: Bool
    var size: Int
    /// Whether this was taken as the hello that opens the connection.
    var opens = false
  }

  private struct Waiter {
    var number: Int
    var entry: Entry
    var continuation: CheckedContinuation<Result<Void, ApusError>, Never>
  }

  private struct State {
    /// The latest hello, until it leaves, while a connection waits for one or there is none.
    var hello: Entry?
    var entries: Deque<Entry> = []
    var size = 0
    var waiters: Deque<Waiter> = []
    var lastWaiter = 0
    /// Between a connection and its end.
    var isConnected = false
    /// Whether the hello of this connection was taken to be sent: the rest may follow it.
    var isOpen = false
    var isClosed = false
  }

  private let countLimit: Int
  private let sizeLimit: Int
  private let state = Mutex(State())
  private let closedError = ApusError(.unavailable, "the connection to the coordinator is closed")

  /// - Parameters:
  ///   - countLimit: most messages that wait.
  ///   - sizeLimit: no message is added to this many bytes or more.
  init(countLimit: Int, sizeLimit: Int) {
    self.countLimit = countLimit
    self.sizeLimit = sizeLimit
  }

  /// Adds a message, waiting while the queue is at its limit.
  ///
  /// - Throws: once closed, or when the task is cancelled while it waits.
  func append(_ item: Item, isHello: Bool, size: Int) async throws(ApusError) {
    let entry = Entry(item: item, isHello: isHello, size: size)
    let number = state.withLock { state in
      state.lastWaiter += 1
      return state.lastWaiter
    }
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let immediate: Result<Void, ApusError>? = state.withLock { state in
          if state.isClosed { return .failure(closedError) }
          if isHello && !state.isOpen {
            state.hello = entry
            return .success(())
          }
          if state.waiters.isEmpty && hasRoom(state) {
            state.entries.append(entry)
            state.size += size
            return .success(())
          }
          if Task.isCancelled { return .failure(Self.cancelled) }
          state.waiters.append(Waiter(number: number, entry: entry, continuation: continuation))
          return nil
        }
        if let immediate { continuation.resume(returning: immediate) }
      }
    } onCancel: {
      let waiter = state.withLock { state in
        state.waiters.firstIndex { $0.number == number }.map { state.waiters.remove(at: $0) }
      }
      waiter?.continuation.resume(returning: .failure(Self.cancelled))
    }
    try result.get()
  }

  /// Calls `send` with what may leave now, in order, until it says false or nothing is left.
  ///
  /// - Parameters:
  ///   - budget: most messages in one call.
  ///   - send: false keeps the message for the next call.
  /// - Returns: whether more could have left.
  @discardableResult
  func drain(budget: Int, _ send: (Item) -> Bool) -> Bool {
    for _ in 0..<budget {
      guard let entry = state.withLock({ takeNext(&$0) }) else { return false }
      guard send(entry.item) else {
        state.withLock { putBack(entry, &$0) }
        return true
      }
      let woken = state.withLock { admitWaiters(&$0) }
      for waiter in woken { waiter.continuation.resume(returning: .success(())) }
    }
    return state.withLock { $0.isConnected && ($0.isOpen ? !$0.entries.isEmpty : $0.hello != nil) }
  }

  func connected() {
    let woken = state.withLock { state in
      state.isConnected = true
      state.isOpen = false
      return admitWaiters(&state, ignoringLimit: true)
    }
    for waiter in woken { waiter.continuation.resume(returning: .success(())) }
  }

  func disconnected() {
    state.withLock { state in
      state.isConnected = false
      state.isOpen = false
      // A hello for the old connection says what was true then.
      state.hello = nil
      state.entries.removeAll { $0.isHello }
      state.size = state.entries.reduce(0) { $0 + $1.size }
    }
  }

  /// Takes no more messages, and tells whoever waits. What is in the queue may still be drained.
  func close() {
    let waiters = state.withLock { state in
      state.isClosed = true
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.continuation.resume(returning: .failure(closedError)) }
  }

  /// How many senders wait for room.
  var waiterCount: Int { state.withLock { $0.waiters.count } }

  var isClosed: Bool { state.withLock { $0.isClosed } }

  private static var cancelled: ApusError { ApusError(.unavailable, "the sending was cancelled") }

  private func hasRoom(_ state: State) -> Bool { state.entries.count < countLimit && state.size < sizeLimit }

  private func takeNext(_ state: inout State) -> Entry? {
    guard state.isConnected else { return nil }
    if state.isOpen {
      guard let entry = state.entries.popFirst() else { return nil }
      state.size -= entry.size
      return entry
    }
    guard var hello = state.hello else { return nil }
    hello.opens = true
    state.hello = nil
    state.isOpen = true
    return hello
  }

  private func putBack(_ entry: Entry, _ state: inout State) {
    if entry.opens {
      state.isOpen = false
      state.hello = entry
    } else {
      state.entries.prepend(entry)
      state.size += entry.size
    }
  }

  private func admitWaiters(_ state: inout State, ignoringLimit: Bool = false) -> [Waiter] {
    var admitted: [Waiter] = []
    while ignoringLimit || hasRoom(state), let waiter = state.waiters.popFirst() {
      state.entries.append(waiter.entry)
      state.size += waiter.entry.size
      admitted.append(waiter)
    }
    return admitted
  }
}

import Serving
import Synchronization
import Testing

@testable import Messaging

@Suite("Outgoing queue", .timeLimit(.minutes(10)))
struct OutgoingQueueTests {
  private func drained(_ queue: OutgoingQueue<String>, budget: Int = 100) -> [String] {
    var items: [String] = []
    queue.drain(budget: budget) {
      items.append($0)
      return true
    }
    return items
  }

  /// Nothing leaves unconnected or before the hello, and then in order.
  @Test func letsTheHelloGoFirst() async throws {
    let queue = OutgoingQueue<String>(countLimit: 10, sizeLimit: 100)
    try await queue.append("a", isHello: false, size: 1)
    #expect(drained(queue) == [])
    queue.connected()
    #expect(drained(queue) == [])
    try await queue.append("old hello", isHello: true, size: 1)
    try await queue.append("hello", isHello: true, size: 1)
    try await queue.append("b", isHello: false, size: 1)
    #expect(drained(queue) == ["hello", "a", "b"], "of two hellos that wait the later one counts")
    try await queue.append("hello again", isHello: true, size: 1)
    try await queue.append("c", isHello: false, size: 1)
    #expect(drained(queue) == ["hello again", "c"], "later hellos keep their place")
  }

  /// What did not leave before a connection was lost leaves on the next, after its hello; old hellos do not.
  @Test func keepsWhatDidNotLeave() async throws {
    let queue = OutgoingQueue<String>(countLimit: 10, sizeLimit: 100)
    queue.connected()
    try await queue.append("hello", isHello: true, size: 1)
    #expect(drained(queue) == ["hello"])
    for item in ["a", "hello 2", "b"] { try await queue.append(item, isHello: item == "hello 2", size: 1) }
    queue.disconnected()
    #expect(drained(queue) == [])
    queue.connected()
    #expect(drained(queue) == [])
    try await queue.append("hello 3", isHello: true, size: 1)
    #expect(drained(queue) == ["hello 3", "a", "b"])
  }

  /// A refused send keeps its place, the opening hello's too.
  @Test func putsBackWhatIsNotTaken() async throws {
    let queue = OutgoingQueue<String>(countLimit: 10, sizeLimit: 100)
    queue.connected()
    try await queue.append("hello", isHello: true, size: 1)
    try await queue.append("a", isHello: false, size: 1)
    #expect(queue.drain(budget: 5) { _ in false })
    #expect(drained(queue, budget: 1) == ["hello"])
    #expect(queue.drain(budget: 5) { _ in false })
    #expect(drained(queue) == ["a"])
  }

  /// At the limit a sender waits, and goes on in order when there is room.
  @Test(arguments: [(2, 100), (100, 2)])
  func waitsAtTheLimit(countLimit: Int, sizeLimit: Int) async throws {
    let queue = OutgoingQueue<String>(countLimit: countLimit, sizeLimit: sizeLimit)
    queue.connected()
    try await queue.append("hello", isHello: true, size: 1)
    #expect(drained(queue) == ["hello"])
    for item in ["1", "2"] { try await queue.append(item, isHello: false, size: 1) }
    let waiting = Task { try await queue.append("3", isHello: false, size: 1) }
    while queue.waiterCount == 0 { await Task.yield() }
    #expect(drained(queue, budget: 1) == ["1"])
    try await waiting.value
    #expect(drained(queue) == ["2", "3"])
  }

  /// A sender that waits while the connection is lost can say hello on the next: it is let in over the limit.
  @Test func letsWaitingSendersGoOnAtAConnection() async throws {
    let queue = OutgoingQueue<String>(countLimit: 1, sizeLimit: 100)
    try await queue.append("1", isHello: false, size: 1)
    let sender = Task {
      try await queue.append("2", isHello: false, size: 1)
      try await queue.append("hello", isHello: true, size: 1)
    }
    while queue.waiterCount == 0 { await Task.yield() }
    queue.connected()
    try await sender.value
    #expect(drained(queue) == ["hello", "1", "2"])
  }

  /// Cancelling and closing end the waiting with an error; what was taken before can still leave after closing.
  @Test func endsTheWaiting() async throws {
    let queue = OutgoingQueue<String>(countLimit: 1, sizeLimit: 100)
    queue.connected()
    try await queue.append("hello", isHello: true, size: 1)
    try await queue.append("1", isHello: false, size: 1)
    let cancelled = Task { try await queue.append("2", isHello: false, size: 1) }
    while queue.waiterCount == 0 { await Task.yield() }
    cancelled.cancel()
    await #expect(throws: ApusError.self) { try await cancelled.value }
    #expect(queue.waiterCount == 0)
    let closed = Task { try await queue.append("3", isHello: false, size: 1) }
    while queue.waiterCount == 0 { await Task.yield() }
    queue.close()
    await #expect(throws: ApusError.self) { try await closed.value }
    await #expect(throws: ApusError.self) { try await queue.append("4", isHello: false, size: 1) }
    #expect(drained(queue) == ["hello", "1"])
  }
}

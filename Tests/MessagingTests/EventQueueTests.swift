import Synchronization
import Testing

@testable import Messaging

@Suite("Event queue", .timeLimit(.minutes(10)))
struct EventQueueTests {
  /// Says no at the limit, and calls back once the reader has caught up with half of it.
  @Test func callsBackWhenThereIsRoom() async {
    let queue = EventQueue(limit: 4)
    let calls = Mutex(0)
    queue.setRoomHandler { calls.withLock { $0 += 1 } }
    for _ in 0..<4 {
      #expect(queue.hasRoom())
      queue.push(.connected)
    }
    #expect(!queue.hasRoom())
    var reader = queue.stream.makeAsyncIterator()
    _ = await reader.next()
    #expect(calls.withLock { $0 } == 0)
    _ = await reader.next()
    #expect(calls.withLock { $0 } == 1)
    _ = await reader.next()
    #expect(calls.withLock { $0 } == 1, "once for each no")
    #expect(queue.hasRoom())
  }

  /// What is there when the queue ends can still be read; then there is nothing.
  @Test func endsAfterItsLastEvent() async {
    let queue = EventQueue(limit: 4)
    queue.push(.connected)
    queue.finish()
    queue.push(.disconnected)
    var events: [ConnectionEvent] = []
    for await event in queue.stream { events.append(event) }
    #expect(events == [.connected])
  }

  /// A reader that waits gets the next event, and is let go when its task is cancelled.
  @Test func wakesAndReleasesItsReader() async {
    let queue = EventQueue(limit: 4)
    let reader = Task { () -> Int in
      var count = 0
      for await _ in queue.stream { count += 1 }
      return count
    }
    queue.push(.connected)
    reader.cancel()
    #expect(await reader.value <= 1)
  }
}

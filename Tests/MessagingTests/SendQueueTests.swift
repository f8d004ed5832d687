import Serving
import Testing
import ZeroMQ

@testable import Messaging

@Suite("Send queue")
struct SendQueueTests {
  private func peer(_ number: UInt32) -> Peer {
    Peer(name: "p\(number)", role: .client, connection: number)
  }

  /// What a full connection does not take waits in order and holds up nothing for others; later it leaves first.
  @Test func fullConnectionsKeepTheirOrder() {
    var queue = SendQueue()
    let (slow, quick) = (peer(1), peer(2))
    for byte in 1...3 as ClosedRange<UInt8> {
      queue.add(Frame(copying: [byte]), to: slow)
      queue.add(Frame(copying: [byte]), to: quick)
    }
    var sent: [String: [UInt8]] = [:]
    var room = 1
    func flush() {
      queue.flush { frame, peer in
        if peer == slow {
          guard room > 0 else { return .full }
          room -= 1
        }
        sent[peer.name, default: []] += frame.bytes()
        return .sent
      }
    }
    flush()
    #expect(sent == ["p1": [1], "p2": [1, 2, 3]])
    #expect(queue.isFull(slow) && !queue.isFull(quick) && !queue.isEmpty)
    room = 1
    flush()
    #expect(sent["p1"] == [1, 2] && queue.isFull(slow))
    room = 9
    flush()
    #expect(sent["p1"] == [1, 2, 3] && queue.isEmpty && !queue.isFull(slow))
  }

  /// Messages to a connection that is gone are let go of.
  @Test func goneConnectionsAreForgotten() {
    var queue = SendQueue()
    for byte in 1...3 as ClosedRange<UInt8> { queue.add(Frame(copying: [byte]), to: peer(UInt32(byte))) }
    queue.flush { _, peer in peer.name == "p2" ? .gone : .sent }
    #expect(queue.isEmpty)
  }

  /// A burst is due as soon as enough messages came together, unless some are held up: those wait for the turn's end.
  @Test func burstIsDueWhenFull() {
    var queue = SendQueue()
    let isDue = (1...SendQueue.burst).map { _ in queue.add(Frame(), to: peer(1)) }
    #expect(isDue == [Bool](repeating: false, count: SendQueue.burst - 1) + [true])
    queue.flush { _, _ in .full }
    let isDueAgain = queue.add(Frame(), to: peer(2))
    #expect(!isDueAgain)
  }
}

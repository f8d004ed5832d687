import History
import Messaging
import Serving
import Testing

@testable import Coordinator

/// What is committed together, and what may wait for it.
@Suite struct WriteQueueTests {
  private let asker = Asker(peer: Peer(name: "client", role: .client, connection: 1), request: 1)

  private func submission(_ name: String) -> PendingWrite {
    let record = Fixture.job(name)
    return PendingWrite(records: [.job(record)], purpose: .submission(record, asker))
  }

  private func assignment(_ name: String) -> PendingWrite {
    var record = Fixture.job(name)
    record.state = .running
    record.attemptCount = 1
    return PendingWrite(records: [.job(record)], purpose: .standing(record.id))
  }

  private func ending(_ name: String) -> PendingWrite {
    var record = Fixture.job(name)
    record.state = .completed
    return PendingWrite(records: [.job(record)], purpose: .ending(record.id))
  }

  /// The states in which jobs are written, in order.
  private func taken(_ queue: inout WriteQueue) -> [String] {
    var batch = [submission("left over")]
    queue.takeBatch(&batch)
    return batch.flatMap(\.records).map { record in
      if case .job(let job) = record { "\(job.id) \(job.state)" } else { "another" }
    }
  }

  private func aged(_ queue: inout WriteQueue) -> Bool { queue.age() }

  @Test("An assignment waits for a whole age, whatever else is written")
  func assignmentsWait() {
    var queue = WriteQueue()
    queue.add(assignment("a"))
    queue.add(submission("c"))
    #expect(taken(&queue) == ["c queued"])
    #expect(!aged(&queue))
    queue.add(assignment("b"))
    #expect(taken(&queue).isEmpty && queue.count == 2)
    #expect(aged(&queue))
    #expect(taken(&queue) == ["a running"])
    #expect(aged(&queue))
    #expect(taken(&queue) == ["b running"] && queue.count == 0)
    #expect(!aged(&queue))
  }

  @Test("An assignment is left out where a later write of its job is there before it was written")
  func endsReplaceAssignments() {
    var queue = WriteQueue()
    for write in [submission("a"), assignment("b"), assignment("c"), ending("b")] { queue.add(write) }
    #expect(taken(&queue) == ["a queued", "b completed"])
    #expect(!aged(&queue))
    queue.add(assignment("c"))
    queue.add(ending("c"))
    #expect(queue.count == 1)
    #expect(taken(&queue) == ["c completed"])
    #expect(!aged(&queue) && queue.count == 0)
  }

  @Test("An assignment that follows its job's submission is not lost with it")
  func assignmentsAfterSubmissions() {
    var queue = WriteQueue()
    queue.add(submission("a"))
    queue.add(assignment("a"))
    #expect(taken(&queue) == ["a queued"])
    #expect(!aged(&queue) && aged(&queue))
    #expect(taken(&queue) == ["a running"])
  }

  @Test("More than a batch goes in several")
  func manyWrites() {
    var queue = WriteQueue()
    for index in 0...WriteQueue.batchLimit { queue.add(submission("\(index)")) }
    #expect(taken(&queue).count == WriteQueue.batchLimit)
    #expect(taken(&queue) == ["\(WriteQueue.batchLimit) queued"])
  }
}

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
  private func taken(_ queue: inout WriteQueue, patient: Bool) -> [String] {
    var batch = [submission("left over")]
    queue.takeBatch(&batch, patient: patient)
    return batch.flatMap(\.records).map { record in
      if case .job(let job) = record { "\(job.id) \(job.state)" } else { "another" }
    }
  }

  @Test("An assignment waits for another write, or for one who has no patience")
  func assignmentsWait() {
    var queue = WriteQueue()
    queue.add(assignment("a"))
    #expect(taken(&queue, patient: true).isEmpty && queue.count == 1)
    #expect(taken(&queue, patient: false) == ["a running"])
    queue.add(assignment("b"))
    queue.add(submission("c"))
    #expect(taken(&queue, patient: true) == ["b running", "c queued"])
    #expect(taken(&queue, patient: false).isEmpty && queue.count == 0)
  }

  @Test("An assignment is left out where its job's end is written with it")
  func endsReplaceAssignments() {
    var queue = WriteQueue()
    for write in [submission("a"), assignment("b"), assignment("c"), ending("b")] { queue.add(write) }
    #expect(taken(&queue, patient: true) == ["a queued", "c running", "b completed"])
  }

  @Test("More than a batch goes in several, and what waits still goes with what is due")
  func manyWrites() {
    var queue = WriteQueue()
    for index in 0...WriteQueue.batchLimit { queue.add(submission("\(index)")) }
    queue.add(assignment("last"))
    #expect(taken(&queue, patient: true).count == WriteQueue.batchLimit)
    #expect(taken(&queue, patient: true) == ["\(WriteQueue.batchLimit) queued", "last running"])
  }
}

import Messaging
import Serving
import Testing

@testable import Worker

@Suite("ReportQueue") struct ReportQueueTests {
  private func drain(_ queue: inout ReportQueue, at now: Duration) -> [String] {
    var ids: [String] = []
    while let report = queue.next(at: now) { ids.append(report.measurement.id.rawValue) }
    return ids
  }

  /// Reports go in order, once, and again only when they were not confirmed in time or the connection was lost.
  @Test func resends() {
    var queue = ReportQueue(resendAfter: .seconds(5))
    queue.add(Fixtures.report("a"))
    queue.add(Fixtures.report("b"))
    queue.add(Fixtures.report("a"))
    #expect(drain(&queue, at: .seconds(0)) == ["a", "b"])
    #expect(drain(&queue, at: .seconds(4)).isEmpty)
    #expect(queue.confirm(MeasurementID("a"))?.report.lease == LeaseID("lease"))
    #expect(queue.confirm(MeasurementID("a")) == nil)
    #expect(drain(&queue, at: .seconds(5)) == ["b"])
    queue.connectionLost()
    #expect(drain(&queue, at: .seconds(6)) == ["b"])
    #expect(queue.count == 1)
  }

  /// Whether a confirmed report is in a file is known, so that none is looked for in vain.
  @Test func savedOrNot() {
    var queue = ReportQueue()
    queue.add(Fixtures.report("a"), isSaved: false)
    queue.add(Fixtures.report("b"), isSaved: false)
    #expect(queue.confirm(MeasurementID("a"))?.isSaved == false)
    #expect(queue.takeUnsaved().count == 1)
    #expect(queue.confirm(MeasurementID("b"))?.isSaved == true)
  }

  /// What is too large to send goes without its samples, and what still is too large is forgotten.
  @Test func shortens() {
    var queue = ReportQueue()
    var report = Fixtures.report("a")
    report.measurement.samples = [RequestTimeline(sentAtSeconds: 0, tokenSeconds: [0.1], promptTokenCount: 1)]
    queue.add(report)
    #expect(queue.next(at: .zero)?.measurement.samples.count == 1)
    queue.shorten(MeasurementID("a"))
    let shortened = queue.next(at: .zero)?.measurement
    #expect(shortened?.samples == [] && shortened?.warnings.count == 1)
    queue.shorten(MeasurementID("unknown"))
    #expect(queue.count == 1)
    queue.shorten(MeasurementID("a"))
    #expect(queue.count == 0 && queue.endedLeases.isEmpty)
  }

  /// No more than the window is on its way; each confirmation lets one more go.
  @Test func window() {
    var queue = ReportQueue(windowSize: 2)
    for id in ["a", "b", "c", "d"] { queue.add(Fixtures.report(id)) }
    #expect(drain(&queue, at: .zero) == ["a", "b"])
    _ = queue.confirm(MeasurementID("b"))
    #expect(drain(&queue, at: .zero) == ["c"])
    #expect(drain(&queue, at: .seconds(6)) == ["a", "c"])
  }

  @Test func fullAtItsCapacity() {
    var queue = ReportQueue(capacity: 2)
    queue.add(Fixtures.report("a"))
    #expect(!queue.isFull)
    queue.add(Fixtures.report("b", isLast: false))
    #expect(queue.isFull)
    #expect(queue.endedLeases == [LeaseID("lease")])
  }
}

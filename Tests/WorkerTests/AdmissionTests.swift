import Messaging
import Serving
import Testing

@testable import Worker

@Suite("Admission") struct AdmissionTests {
  private func isRefused(_ answer: Admission.Answer) -> Bool {
    if case .refuse = answer { true } else { false }
  }

  @Test func jobsUpToTheCapacity() {
    var admission = Admission(jobCapacity: 2)
    #expect(admission.admit(Fixtures.jobLease("a"), isReportQueueFull: false) == .run)
    #expect(admission.admit(Fixtures.jobLease("b"), isReportQueueFull: false) == .run)
    #expect(isRefused(admission.admit(Fixtures.jobLease("c"), isReportQueueFull: false)))
    admission.end(LeaseID("a"))
    #expect(admission.admit(Fixtures.jobLease("c"), isReportQueueFull: false) == .run)
    #expect(admission.running == [LeaseID("b"), LeaseID("c")])
  }

  /// A message that came twice starts nothing twice, neither while it runs nor after it ended.
  @Test func duplicates() {
    var admission = Admission(jobCapacity: 2)
    _ = admission.admit(Fixtures.jobLease("a"), isReportQueueFull: false)
    #expect(admission.admit(Fixtures.jobLease("a"), isReportQueueFull: false) == .ignore)
    admission.end(LeaseID("a"))
    admission.end(LeaseID("a"))
    #expect(admission.admit(Fixtures.jobLease("a"), isReportQueueFull: true) == .ignore)
    #expect(admission.running.isEmpty)
  }

  /// A trial shares the worker with nothing.
  @Test func trialsAreAlone() {
    var admission = Admission(jobCapacity: 2)
    _ = admission.admit(Fixtures.jobLease("a"), isReportQueueFull: false)
    #expect(isRefused(admission.admit(Fixtures.trialLease("t"), isReportQueueFull: false)))
    admission.end(LeaseID("a"))
    #expect(admission.admit(Fixtures.trialLease("t"), isReportQueueFull: false) == .run)
    #expect(admission.admit(Fixtures.trialLease("t"), isReportQueueFull: false) == .ignore)
    #expect(isRefused(admission.admit(Fixtures.jobLease("b"), isReportQueueFull: false)))
    #expect(isRefused(admission.admit(Fixtures.trialLease("u"), isReportQueueFull: false)))
    admission.end(LeaseID("t"))
    #expect(admission.admit(Fixtures.jobLease("b"), isReportQueueFull: false) == .run)
  }

  /// What could not be kept is not begun.
  @Test func fullReportQueue() {
    var admission = Admission(jobCapacity: 2)
    #expect(isRefused(admission.admit(Fixtures.jobLease("a"), isReportQueueFull: true)))
    #expect(admission.running.isEmpty)
  }

  /// Ended leases are remembered up to a bound, the oldest forgotten first.
  @Test func remembersABoundedNumber() {
    var admission = Admission(jobCapacity: 1)
    for number in 0..<2000 { admission.end(LeaseID("lease-\(number)")) }
    #expect(admission.admit(Fixtures.jobLease("lease-1999"), isReportQueueFull: false) == .ignore)
    #expect(admission.admit(Fixtures.jobLease("lease-0"), isReportQueueFull: false) == .run)
  }

  /// Experts share the worker with nothing but the trial of their own hub, and stay when that has ended.
  @Test func expertsAreAlone() {
    func assignment(_ lease: String, _ work: Assignment.Work) -> Assignment {
      Assignment(lease: LeaseID(lease), work: work)
    }
    let hosting = Assignment.Work.hosting(ExpertHosting(model: Fixtures.model().id, hubKey: "key"))
    let placement = Assignment.Work.placement(
      PlacementAssignment(
        spec: PlacementBenchmarkSpec(
          id: BenchmarkID("b"), model: Fixtures.model().id, strategies: ["linear"], batchSizes: [1], rounds: 1),
        hosts: []))
    var admission = Admission(jobCapacity: 2)
    _ = admission.admit(Fixtures.jobLease("a"), isReportQueueFull: false)
    #expect(isRefused(admission.admit(assignment("x", hosting), isReportQueueFull: false)))
    admission.end(LeaseID("a"))
    #expect(isRefused(admission.admit(assignment("x", placement), isReportQueueFull: false)), "its hosts come first")
    #expect(admission.admit(assignment("x", hosting), isReportQueueFull: false) == .run)
    #expect(admission.admit(assignment("x", hosting), isReportQueueFull: false) == .ignore)
    #expect(isRefused(admission.admit(assignment("y", hosting), isReportQueueFull: false)))
    #expect(isRefused(admission.admit(Fixtures.jobLease("b"), isReportQueueFull: false)))
    #expect(isRefused(admission.admit(assignment("y", placement), isReportQueueFull: false)))
    #expect(admission.admit(assignment("x", placement), isReportQueueFull: false) == .run)
    #expect(admission.admit(assignment("x", placement), isReportQueueFull: false) == .ignore)
    #expect(admission.running == [LeaseID("x")])
    admission.endPlacement(LeaseID("x"))
    #expect(admission.running == [LeaseID("x")])
    #expect(isRefused(admission.admit(Fixtures.jobLease("b"), isReportQueueFull: false)))
    admission.end(LeaseID("x"))
    #expect(admission.running.isEmpty)
    #expect(admission.admit(Fixtures.jobLease("b"), isReportQueueFull: false) == .run)
  }
}

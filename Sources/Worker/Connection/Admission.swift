import Messaging
import Serving

/// Decides what to do with an assignment. Pure.
struct Admission {
  enum Answer: Hashable {
    case run
    /// It runs already, its report is on its way, or it ended a short while ago: a message that came twice.
    case ignore
    /// It cannot run now; the reason goes back with a report, so that the coordinator can give it to another worker.
    case refuse(String)
  }

  /// Jobs at once, at least 1. A trial takes the whole worker, because other work would change what it measures.
  let jobCapacity: Int
  private var jobs: Set<LeaseID> = []
  private var trial: LeaseID?
  /// A role as a host of experts, which takes the whole worker, too. Its hub's own trial has the same lease.
  private var hosting: LeaseID?
  /// Leases that ended; bounded, as a doubled message comes soon after the first.
  private var ended = RecentValues<LeaseID>(limit: 1024)

  init(jobCapacity: Int) {
    precondition(jobCapacity >= 1, "a worker runs at least one job")
    self.jobCapacity = jobCapacity
  }

  /// Whether other work would change what is measured here.
  var isMeasuring: Bool { trial != nil || hosting != nil }

  /// Leases that are worked on.
  var running: [LeaseID] { Set([trial, hosting].compactMap { $0 }).sorted() + jobs.sorted() }

  /// - Parameter isReportQueueFull: whether another result could not be kept.
  mutating func admit(_ assignment: Assignment, isReportQueueFull: Bool) -> Answer {
    let lease = assignment.lease
    if case .placement = assignment.work { return admitPlacement(lease) }
    if jobs.contains(lease) || trial == lease || hosting == lease || ended.contains(lease) { return .ignore }
    if isReportQueueFull { return .refuse("too many results wait for the coordinator's confirmation") }
    if let trial = trial ?? hosting { return .refuse("a trial runs here under lease \(trial)") }
    switch assignment.work {
    case .job:
      guard jobs.count < jobCapacity else { return .refuse("all \(jobCapacity) job places are taken") }
      jobs.insert(lease)
    case .trial:
      guard jobs.isEmpty else { return .refuse("\(jobs.count) jobs run here, and a trial needs the worker to itself") }
      trial = lease
    case .hosting:
      guard jobs.isEmpty else {
        return .refuse("\(jobs.count) jobs run here, and experts need the worker to themselves")
      }
      hosting = lease
    case .placement: break
    }
    return .run
  }

  /// Under the lease that this worker hosts under; without it the coordinator thinks of another time.
  private mutating func admitPlacement(_ lease: LeaseID) -> Answer {
    if trial == lease || ended.contains(lease) { return .ignore }
    guard hosting == lease else { return .refuse("no experts are hosted here under lease \(lease)") }
    trial = lease
    return .run
  }

  func isHosting(_ lease: LeaseID) -> Bool { hosting == lease }

  /// The trial that this worker was the hub of has reported its end; as a host it stays until it is told.
  mutating func endPlacement(_ lease: LeaseID) {
    if trial == lease { trial = nil }
  }

  /// The work under a lease is over, or a report for it waits from an earlier run of this worker.
  mutating func end(_ lease: LeaseID) {
    jobs.remove(lease)
    if trial == lease { trial = nil }
    if hosting == lease { hosting = nil }
    ended.insert(lease)
  }
}

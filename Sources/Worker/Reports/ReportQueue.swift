import DequeModule
import Messaging
import Serving

/// Reports the coordinator has not confirmed yet, in the order they were made. Pure; the owner sends and stores.
struct ReportQueue {
  /// Most unconfirmed reports. At the limit new work is refused and a running trial waits before its next block.
  let capacity: Int
  /// Most reports sent and unconfirmed at a time, so that a backlog does not flood a coordinator that just came back.
  let windowSize: Int
  /// A report is sent again when it was not confirmed after this long.
  let resendAfter: Duration

  private struct Entry {
    var report: Report
    /// Nil before it was sent on this connection.
    var sentAt: Duration?
    /// Whether it is in a file, or was tried to be.
    var isSaved: Bool
  }
  private var entries: Deque<Entry> = []

  init(capacity: Int = 1000, windowSize: Int = 32, resendAfter: Duration = .seconds(5)) {
    precondition(capacity >= 1 && windowSize >= 1, "a queue that holds nothing loses everything")
    self.capacity = capacity
    self.windowSize = windowSize
    self.resendAfter = resendAfter
  }

  var count: Int { entries.count }
  var isFull: Bool { entries.count >= capacity }
  /// Leases whose last report is not confirmed: the coordinator must not give their work to another worker.
  var endedLeases: [LeaseID] { entries.filter(\.report.isLast).map(\.report.lease) }

  /// Adds a report; one with the same measurement is there already and is left as it is.
  mutating func add(_ report: Report, isSaved: Bool = true) {
    guard !entries.contains(where: { $0.report.measurement.id == report.measurement.id }) else { return }
    entries.append(Entry(report: report, isSaved: isSaved))
  }

  /// The reports that are in no file yet; they count as saved then.
  mutating func takeUnsaved() -> [Report] {
    var unsaved: [Report] = []
    for index in entries.indices where !entries[index].isSaved {
      entries[index].isSaved = true
      unsaved.append(entries[index].report)
    }
    return unsaved
  }

  /// Forgets the confirmed report and gives it, and whether it is in a file; nil when it was confirmed before.
  mutating func confirm(_ id: MeasurementID) -> (report: Report, isSaved: Bool)? {
    guard let index = entries.firstIndex(where: { $0.report.measurement.id == id }) else { return nil }
    let entry = entries.remove(at: index)
    return (entry.report, entry.isSaved)
  }

  /// Makes less of a report that is too large to send: it loses its samples, and one that has none is forgotten. Its lease
  /// then ends without a report.
  mutating func shorten(_ id: MeasurementID) {
    guard let index = entries.firstIndex(where: { $0.report.measurement.id == id }) else { return }
    guard !entries[index].report.measurement.samples.isEmpty else {
      entries.remove(at: index)
      return
    }
    entries[index].report.measurement.samples = []
    entries[index].report.measurement.warnings.append("its samples were too many to send, and are not kept")
    entries[index].sentAt = nil
  }

  /// The next report to send now, which then counts as sent; nil when none is due or the window is full.
  mutating func next(at now: Duration) -> Report? {
    var unconfirmed = 0
    for index in entries.indices {
      if let sentAt = entries[index].sentAt, now - sentAt < resendAfter {
        unconfirmed += 1
        if unconfirmed >= windowSize { return nil }
        continue
      }
      entries[index].sentAt = now
      return entries[index].report
    }
    return nil
  }

  /// What was sent on a connection that is gone may never have arrived.
  mutating func connectionLost() {
    for index in entries.indices { entries[index].sentAt = nil }
  }
}

import DequeModule
import Messaging
import Serving

/// Decides what a worker sends next. Pure but for the tokens, which come by other threads: events change it, `next` gives one
/// thing to send.
///
/// Nothing but a greeting goes before the coordinator's welcome. Then the order is: greeting, heartbeat, answers about
/// model files, tokens, reports; so a job's tokens are always before its report.
struct Outbox {
  enum Connection: Hashable {
    case down
    /// Connected; a hello was or will be sent and no welcome came yet.
    case greeting
    case welcomed
  }

  enum Item: Hashable {
    case hello
    case heartbeat
    case modelOffset(ModelOffset)
    case launchAnswer(LaunchAnswer)
    case hostingAnswer(HostingAnswer)
    case placementReport(PlacementReport)
    case tokens(TokenChunk)
    case report(Report)
  }

  static let mostModelOffsets = 64
  static let mostLaunchAnswers = 64

  private(set) var connection = Connection.down
  private(set) var reports: ReportQueue
  private var isHelloDue = false
  private var isHeartbeatDue = false
  private var modelOffsets: Deque<ModelOffset> = []
  private var launchAnswers: Deque<LaunchAnswer> = []
  /// Few: one role and one trial at a time, which says as much as was asked for.
  private var hostingAnswers: Deque<HostingAnswer> = []
  private var placementReports: Deque<PlacementReport> = []
  /// How the trial ended, until its lease is over: sent again on a fresh connection.
  private var placementEnd: PlacementReport?
  private var streams: [LeaseID: SharedTokenStream] = [:]

  init(reports: ReportQueue) { self.reports = reports }

  mutating func connected() {
    connection = .greeting
    isHelloDue = true
    isHeartbeatDue = false
    reports.connectionLost()
  }

  mutating func disconnected() {
    connection = .down
    isHelloDue = false
    // The pusher asks for the offset again when it is back, and who asked for a launch was told to ask again.
    modelOffsets = []
    launchAnswers = []
  }

  /// A welcome came. On a fresh connection everything unconfirmed goes again.
  mutating func welcomed() {
    guard connection == .greeting else { return }
    connection = .welcomed
    for stream in streams.values { stream.rewind() }
    if let placementEnd, placementReports.last != placementEnd { placementReports.append(placementEnd) }
  }

  /// The coordinator does not know this worker (any more): greet it once more.
  mutating func mustGreetAgain() {
    guard connection != .down else { return }
    connection = .greeting
    isHelloDue = true
    reports.connectionLost()
  }

  /// What this worker said of itself is no longer true, such as its list of models.
  mutating func descriptionChanged() {
    if connection != .down { isHelloDue = true }
  }

  /// The heartbeat's time has come; an unanswered hello may have been lost and goes again.
  mutating func beat() {
    switch connection {
    case .down: break
    case .greeting: isHelloDue = true
    case .welcomed: isHeartbeatDue = true
    }
  }

  /// Beyond the limit the oldest answer is dropped: whoever pushes asks for the offset when an answer fails to come.
  mutating func add(_ offset: ModelOffset) {
    if modelOffsets.count >= Self.mostModelOffsets { modelOffsets.removeFirst() }
    modelOffsets.append(offset)
  }
  /// Beyond the limit the oldest answer is dropped: no client waits for so many at once.
  mutating func add(_ answer: LaunchAnswer) {
    if launchAnswers.count >= Self.mostLaunchAnswers { launchAnswers.removeFirst() }
    launchAnswers.append(answer)
  }
  mutating func add(_ report: Report, isSaved: Bool = true) { reports.add(report, isSaved: isSaved) }
  mutating func takeUnsaved() -> [Report] { reports.takeUnsaved() }
  mutating func add(_ answer: HostingAnswer) { hostingAnswers.append(answer) }
  mutating func add(_ report: PlacementReport) {
    placementReports.append(report)
    if report.isLast { placementEnd = report }
  }

  /// The lease of the trial is over.
  mutating func forgetPlacement() { placementEnd = nil }

  /// - Returns: where the job's tokens go in.
  mutating func openStream(job: JobID, lease: LeaseID, firstIndex: Int) -> SharedTokenStream {
    let stream = SharedTokenStream(TokenStream(job: job, lease: lease, firstIndex: firstIndex))
    streams[lease] = stream
    return stream
  }

  /// Has tokens that wait for others leave.
  func flushStreams(at now: Duration) {
    for stream in streams.values { stream.flush(at: now) }
  }

  /// Forgets the confirmed report, with whose lease its stream ends.
  ///
  /// - Returns: whether it is in a file; nil when it was confirmed before.
  mutating func confirm(_ id: MeasurementID) -> Bool? {
    guard let (report, isSaved) = reports.confirm(id) else { return nil }
    if report.isLast { streams[report.lease] = nil }
    return isSaved
  }

  /// What `next` gave is no message that can be sent.
  mutating func cannotSend(_ item: Item) {
    if case .report(let report) = item { reports.shorten(report.measurement.id) }
  }

  /// The next thing to send, which then counts as sent; nil when there is nothing to send now.
  mutating func next(at now: Duration) -> Item? {
    if isHelloDue {
      isHelloDue = false
      return .hello
    }
    guard connection == .welcomed else { return nil }
    if isHeartbeatDue {
      isHeartbeatDue = false
      return .heartbeat
    }
    if let offset = modelOffsets.popFirst() { return .modelOffset(offset) }
    if let answer = launchAnswers.popFirst() { return .launchAnswer(answer) }
    if let answer = hostingAnswers.popFirst() { return .hostingAnswer(answer) }
    if let report = placementReports.popFirst() { return .placementReport(report) }
    for stream in streams.values {
      if let chunk = stream.next() { return .tokens(chunk) }
    }
    return reports.next(at: now).map { .report($0) }
  }
}

/// Whose turn it is among the jobs that wait: self-clocked fair queueing (Golestani, INFOCOM 1994) over clients and
/// priorities.
///
/// Intuition: every client has a meter that runs by the work it asks for, slower for what is more urgent; the job with
/// the lowest reading goes first. Who comes late starts at the common clock, so that nobody saves up turns by being
/// idle, and nobody waits behind all that another has queued. No job waits for ever: its tag stays, the clock goes on.
struct FairClock: Sendable {
  /// Each step doubles the share.
  static let priorities = -5...5
  /// Meters kept; those behind the clock say nothing and go first.
  static let mostMeters = 4096

  /// What shares one meter.
  struct Flow: Hashable, Sendable {
    var client: String
    /// Within `priorities`.
    var priority: Int

    init(client: String, priority: Int) {
      self.client = client
      self.priority = min(max(priority, FairClock.priorities.lowerBound), FairClock.priorities.upperBound)
    }
  }

  private var time = 0.0
  private var meters: [Flow: Double] = [:]

  /// The place of a new job in the order of all that wait; the lowest goes first, equal ones as they came.
  ///
  /// - Parameter work: what it asks for, above 0, in a unit that is the same for all.
  mutating func tag(_ flow: Flow, work: Double) -> Double {
    let priority = flow.priority
    let weight = priority >= 0 ? Double(1 << priority) : 1 / Double(1 << -priority)
    let tag = max(time, meters[flow] ?? 0) + work / weight
    meters[flow] = tag
    if meters.count > Self.mostMeters { meters = meters.filter { $0.value > time } }
    return tag
  }

  /// A job with this tag had its turn.
  mutating func served(_ tag: Double) { time = max(time, tag) }
}

import Serving

/// Whose turn it is among the jobs that wait: self-clocked fair queueing (Golestani, INFOCOM 1994) over owners and
/// priorities.
///
/// Intuition: every owner has a meter that runs by the work it asks for, slower for what is more urgent; the job with
/// the lowest reading goes first. Who comes late starts at the common clock, so that nobody saves up turns by being
/// idle, and nobody waits behind all that another has queued. No job waits for ever: its tag stays, the clock goes on.
///
/// Owners are equal: a tenant gets as much as a client that has none, so a client gets as many shares as it has tenants
/// that wait. Whoever allows a client's key trusts it with that; what it takes here is bounded.
struct FairClock: Sendable {
  /// Each step doubles the share.
  static let priorities = -5...5
  /// Meters kept, or twice those that say something when that is more: those behind the clock do not.
  static let mostMeters = 4096
  /// Meters of one client that say something. Tenants that come when it has so many share the client's own.
  static let mostOfAClient = 256

  /// What shares one meter.
  struct Flow: Hashable, Sendable {
    let owner: JobOwner
    /// Within `priorities`.
    let priority: Int

    init(_ owner: JobOwner, priority: Int) {
      self.owner = owner
      self.priority = min(max(priority, FairClock.priorities.lowerBound), FairClock.priorities.upperBound)
    }
  }

  private var time = 0.0
  /// By client.
  private var meters: [String: [Flow: Double]] = [:]
  private(set) var meterCount = 0
  /// How many there may be before those that say nothing are looked for.
  private var mostNow = mostMeters

  /// The meter that a new job runs on.
  mutating func flow(of owner: JobOwner, priority: Int) -> Flow {
    let flow = Flow(owner, priority: priority)
    guard owner.tenant != nil, let others = meters[owner.client], others.count >= Self.mostOfAClient,
      others[flow] == nil
    else { return flow }
    forgetIdle(of: owner.client)
    guard meters[owner.client]?.count ?? 0 >= Self.mostOfAClient else { return flow }
    return Flow(JobOwner(client: owner.client), priority: priority)
  }

  /// The place of a new job in the order of all that wait; the lowest goes first, equal ones as they came.
  ///
  /// - Parameter work: what it asks for, above 0, in a unit that is the same for all.
  mutating func tag(_ flow: Flow, work: Double) -> Double {
    let priority = flow.priority
    let weight = priority >= 0 ? Double(1 << priority) : 1 / Double(1 << -priority)
    let start = time
    // A meter that ran is above 0.
    func run(_ meter: inout Double) -> (tag: Double, isNew: Bool) {
      let isNew = meter == 0
      meter = max(start, meter) + work / weight
      return (meter, isNew)
    }
    let (tag, isNew) = run(&meters[flow.owner.client, default: [:]][flow, default: 0])
    if isNew {
      meterCount += 1
      if meterCount > mostNow {
        for client in Array(meters.keys) { forgetIdle(of: client) }
        mostNow = max(Self.mostMeters, 2 * meterCount)
      }
    }
    return tag
  }

  /// A job with this tag had its turn.
  mutating func served(_ tag: Double) { time = max(time, tag) }

  private mutating func forgetIdle(of client: String) {
    guard let before = meters[client] else { return }
    let kept = before.filter { $0.value > time }
    meterCount -= before.count - kept.count
    meters[client] = kept.isEmpty ? nil : kept
  }
}

import Glibc

/// Which engine to load on a node that has nothing to do, before a job comes that would have to wait for it. Pure: it is
/// told what would be loaded where, what became of it, and when.
///
/// A node that comes (back) with nothing loaded is what this is for. A load here costs nobody anything: no other engine
/// goes for it, nothing runs beside it, and it is given up for the first job that wants another. So it is worth it when the
/// jobs that are likely to come are spared about as much as it takes; what is loaded first is what spares the most.
struct Prewarming: Sendable {
  /// Seconds between two looks, each of which has one engine loaded at most.
  static let interval = 1.0
  /// Kinds of jobs that are looked at.
  static let mostKinds = 8
  /// Of the time that a load takes, what it must be foreseen to spare: between one job that is likely to come (1.6 foreseen)
  /// and one that surely does (1).
  static let leastShare = 0.8
  /// Seconds until an engine may be loaded again on the same node: after it was asked for, and after it failed.
  static let pause = (again: 30.0, failed: 300.0)
  /// Pauses that are remembered, most of them over.
  private static let mostPauses = 1024

  /// An engine on a node, by the router's numbers.
  struct Spot: Hashable, Sendable {
    var node: Int
    var engine: UInt64
  }

  /// An engine that could be loaded.
  struct Proposal: Hashable, Sendable {
    var spot: Spot
    var loadSeconds: Double
    /// Foreseen within `JobMix.memory` to be sent there.
    var jobs: Double
    /// Seconds that they are better off there than where they would go else, which may be there, after the load.
    var gain: Double
    /// The jobs' key, the place of the choice in its ranking, and what the engine is started with.
    var key: RouteKey
    var place: Int
    var contextTokens: Int

    /// Jobs that would wait for the load if it began with the first of them: that one, if it comes, and those that come
    /// meanwhile, for half of it on average.
    var waiting: Double { 1 - exp(-jobs) + jobs / JobMix.memory * loadSeconds / 2 }
    /// Seconds that are spared, no more than if the first of the jobs had it loaded.
    var saving: Double { min(gain, waiting * loadSeconds) }
  }

  let isOn: Bool
  var mix = JobMix()
  /// Whether nodes came since the rankings were last asked for.
  var hasNewNodes = false
  private var nextLook = 0.0
  private var pauses: [Spot: Double] = [:]

  init(isOn: Bool) { self.isOn = isOn }

  /// Whether it is time to look; asked once, it says no until it is again.
  mutating func startLooking(at now: Double) -> Bool {
    guard isOn, now >= nextLook else { return false }
    nextLook = now + Self.interval
    return true
  }

  /// What was needed is not known yet: it is time to look again at once.
  mutating func lookAgain() { nextLook = 0 }

  /// The engine to load now; nil when none is worth it.
  ///
  /// - Parameter proposals: one for each kind of jobs; several of one engine are taken together.
  mutating func choose(among proposals: [Proposal], at now: Double) -> Proposal? {
    var engines: [Proposal] = []
    for proposal in proposals where now >= pauses[proposal.spot] ?? 0 {
      if let place = engines.firstIndex(where: { $0.spot == proposal.spot }) {
        engines[place].jobs += proposal.jobs
        engines[place].gain += proposal.gain
      } else {
        engines.append(proposal)
      }
    }
    let chosen = engines.filter { $0.saving >= Self.leastShare * $0.loadSeconds }.max { $0.saving < $1.saving }
    if let chosen { rest(chosen.spot, for: Self.pause.again, at: now) }
    return chosen
  }

  /// An engine that was to be loaded is not there.
  mutating func failed(_ spot: Spot, at now: Double) { rest(spot, for: Self.pause.failed, at: now) }

  private mutating func rest(_ spot: Spot, for seconds: Double, at now: Double) {
    if pauses.count >= Self.mostPauses { pauses = pauses.filter { $0.value > now } }
    pauses[spot] = now + seconds
  }
}

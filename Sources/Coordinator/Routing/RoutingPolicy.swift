public import Serving

/// Picks one of the ways to run a job. Pure but for what it remembers; the same calls give the same picks.
///
/// What cannot run, is gone or has a full queue was left out before; a pick without room means to wait there.
public protocol RoutingPolicy: Sendable {
  /// Whether a node that has nothing to do may take a job that waits for another, and jobs that wait move when it pays.
  var movesWaiting: Bool { get }
  /// Whether its pick has the least `value` of those that are not late, if there are any: then what cannot have it need
  /// not be predicted.
  var takesLeastValue: Bool { get }
  /// Place in `options`, which has at least one, in the order of the ranking.
  mutating func pick(_ options: [RouteOption], using generator: inout SeededGenerator) -> Int
  /// A job that was sent by `option` ended: its seconds until the first token and to the end, from its start on.
  mutating func learn(_ option: RouteOption, ttft: Double, e2e: Double)
}

extension RoutingPolicy {
  public var movesWaiting: Bool { false }
  public var takesLeastValue: Bool { false }
  public mutating func learn(_ option: RouteOption, ttft: Double, e2e: Double) {}
}

/// The policies there are: the coordinator's own, and those it is compared with.
public enum RoutingPolicyName: String, Codable, Sendable, CaseIterable {
  case foreseen
  case roundRobin = "round-robin"
  case leastLoaded = "least-loaded"
  case powerOfTwo = "power-of-two"
  case leastWork = "least-work"
  case prefixOnly = "prefix-only"
  case oneShape = "one-shape"

  func make() -> any RoutingPolicy {
    switch self {
    case .foreseen: Foreseen()
    case .roundRobin: RoundRobin()
    case .leastLoaded: LeastLoaded()
    case .powerOfTwo: PowerOfTwo()
    case .leastWork: LeastWork()
    case .prefixOnly: PrefixOnly()
    case .oneShape: OneShape()
    }
  }
}

/// In which order the jobs go that wait at one node.
public enum QueueOrder: String, Codable, Sendable {
  /// Clients in turns, and whoever's turn it is by what is due: short jobs first, long ones in time.
  case due
  /// As they came, as engines queue that a plain balancer sends to at once.
  case arrival
}

extension [RouteOption] {
  /// The place of the least by `value`; one of them by chance where several are least.
  func least(using generator: inout SeededGenerator, by value: (RouteOption) -> Double) -> Int {
    var best = 0
    var bestValue = Double.infinity
    var equal = 0
    for place in indices {
      let own = value(self[place])
      if own < bestValue {
        (best, bestValue, equal) = (place, own, 1)
      } else if own == bestValue {
        equal += 1
        if Int.random(in: 0..<equal, using: &generator) == 0 { best = place }
      }
    }
    return best
  }
}

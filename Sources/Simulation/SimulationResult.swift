import Glibc

/// What became of each request and each node of a simulation.
public struct SimulationResult: Sendable {
  public struct Request: Hashable, Sendable {
    /// From its arrival, the wait for a node included.
    public var ttftSeconds = Double.nan
    public var e2eSeconds = Double.nan
    /// 0 for a single token.
    public var tpotSeconds = 0.0
    public var node = -1
    public var cachedTokens = 0
    public var endedAt = Double.nan

    public var hasEnded: Bool { node >= 0 }
  }

  public struct Node: Hashable, Sendable {
    public var name: String
    public var requestCount = 0
    /// Time in which at least one request ran.
    public var busySeconds = 0.0
    /// Engines loaded on the way.
    public var loadCount = 0
  }

  public struct Change: Hashable, Sendable {
    public var node: Int
    public var seconds: Double
  }

  public internal(set) var requests: [Request]
  public internal(set) var nodes: [Node]
  /// Requests that were given to a second node while the first was silent, and those that the second had in the end.
  public internal(set) var hedgeCount = 0
  public internal(set) var hedgesWonCount = 0
  /// When the last request ended, or the last node was lost.
  public internal(set) var seconds = 0.0
  /// The last node that slowed, and that joined.
  public internal(set) var slowed: Change?
  public internal(set) var joined: Change?
  /// Requests by the time they ended.
  private var order: [Int] = []
  private let trace: [TraceRequest]

  init(nodes: [String], requests: [TraceRequest]) {
    self.nodes = nodes.map { Node(name: $0) }
    self.requests = [Request](repeating: Request(), count: requests.count)
    trace = requests
  }

  mutating func ended(_ number: Int, on node: Int, firstToken: Double, end: Double, cachedTokens: Int) {
    let arrival = trace[number].seconds
    let gaps = Double(max(1, trace[number].outputTokens - 1))
    requests[number] = Request(
      ttftSeconds: firstToken - arrival, e2eSeconds: end - arrival, tpotSeconds: (end - firstToken) / gaps, node: node,
      cachedTokens: cachedTokens, endedAt: end)
    nodes[node].requestCount += 1
    order.append(number)
  }

  // MARK: Figures

  public enum Latency: String, Sendable, CaseIterable { case ttft, tpot, e2e }

  /// Seconds, 0 to 1; nil without requests.
  public func percentile(_ share: Double, _ latency: Latency) -> Double? {
    Self.percentile(share, order.map { value($0, latency) })
  }

  public func mean(_ latency: Latency) -> Double? {
    order.isEmpty ? nil : order.reduce(0) { $0 + value($1, latency) } / Double(order.count)
  }

  private func value(_ number: Int, _ latency: Latency) -> Double {
    switch latency {
    case .ttft: requests[number].ttftSeconds
    case .tpot: requests[number].tpotSeconds
    case .e2e: requests[number].e2eSeconds
    }
  }

  static func percentile(_ share: Double, _ values: [Double]) -> Double? {
    guard !values.isEmpty else { return nil }
    let sorted = values.sorted()
    let place = share * Double(sorted.count - 1)
    let (lower, upper) = (Int(place), min(sorted.count - 1, Int(place) + 1))
    return sorted[lower] + (sorted[upper] - sorted[lower]) * (place - Double(lower))
  }

  /// Requests per second that kept both limits.
  public func goodput(ttftSeconds: Double, tpotSeconds: Double) -> Double {
    let good = order.count { requests[$0].ttftSeconds <= ttftSeconds && requests[$0].tpotSeconds <= tpotSeconds }
    return seconds > 0 ? Double(good) / seconds : 0
  }

  /// Requests that no node ended, because none was left.
  public var unservedCount: Int { requests.count - order.count }

  public var loadCount: Int { nodes.reduce(0) { $0 + $1.loadCount } }

  /// Share of the prompts' tokens that engines had in their caches.
  public var cachedShare: Double {
    let all = trace.reduce(0) { $0 + $1.promptTokens }
    return all > 0 ? Double(requests.reduce(0) { $0 + $1.cachedTokens }) / Double(all) : 0
  }

  /// Mean over requests of the logarithm of their time over what it was in another run of the same trace, as a factor
  /// less 1: 0.2 is a fifth longer.
  public func regret(against other: SimulationResult) -> Double {
    let logs = order.compactMap { number -> Double? in
      let (own, best) = (requests[number].e2eSeconds, other.requests[number].e2eSeconds)
      return own > 0 && best > 0 ? log(own / best) : nil
    }
    return logs.isEmpty ? 0 : exp(logs.reduce(0, +) / Double(logs.count)) - 1
  }

  /// Before and after a node changed, in stretches of its own outcomes.
  public struct Stretch: Hashable, Sendable {
    /// Share of all requests that ended on the node.
    public var share: Double
    public var p50Seconds: Double
    public var p99Seconds: Double
    public var requestCount: Int
  }

  /// The stretch before a change (all of it), that until the node gave `outcomes` results, and all after.
  public func stretches(around change: Change, outcomes: Int) -> [Stretch] {
    let arrivedBefore = order.filter { requests[$0].endedAt <= change.seconds }
    let after = order.filter { requests[$0].endedAt > change.seconds }
    var seen = 0
    let turn =
      after.firstIndex { number in
        if requests[number].node == change.node { seen += 1 }
        return seen >= outcomes
      } ?? after.count
    // What arrived before the router could know is no measure of what it knows.
    let known = turn < after.count ? requests[after[turn]].endedAt : .infinity
    let late = after[turn...].filter { trace[$0].seconds >= known }
    return [arrivedBefore, Array(after[..<turn]), late].map(stretch(change.node))
  }

  private func stretch(_ node: Int) -> ([Int]) -> Stretch {
    { numbers in
      let times = numbers.map { requests[$0].e2eSeconds }
      let own = numbers.count { requests[$0].node == node }
      return Stretch(
        share: numbers.isEmpty ? 0 : Double(own) / Double(numbers.count),
        p50Seconds: Self.percentile(0.5, times) ?? .nan, p99Seconds: Self.percentile(0.99, times) ?? .nan,
        requestCount: numbers.count)
    }
  }

  /// How many requests arrived after a node joined until one was sent there; nil if none was.
  public func requestsUntilUse(of change: Change) -> Int? {
    let later = trace.indices.filter { trace[$0].seconds >= change.seconds }
    return later.firstIndex { requests[$0].node == change.node }.map { later.distance(from: 0, to: $0) + 1 }
  }
}

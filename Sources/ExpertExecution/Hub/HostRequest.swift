import ExpertPlacement
import Serving

/// What one host is asked to compute of a batch: each of its tokens once, and where they go.
struct HostRequest: Sendable {
  let id: UInt64
  let host: Int
  /// Inner elements of the experts that count on this host.
  let cut: Range<Int>
  /// Most experts of a token.
  let topK: Int
  /// Tokens of the batch, ascending.
  fileprivate(set) var tokens: [Int32] = []
  /// Of each pair the place in `tokens`, ascending; its expert; its weight.
  fileprivate(set) var rows: [Int32] = []
  fileprivate(set) var experts: [UInt16] = []
  fileprivate(set) var gates: [Float] = []
}

/// Cuts a batch into requests by where the experts of its layer are now.
struct RequestSplit {
  let layer: Int
  let placement: LayerPlacement
  let dispatch: ReplicaDispatch
  let intermediateSize: Int
  let hostCount: Int
  let hostName: (Int) -> String
  /// Whether a host is there and has the expert.
  let has: (Int, ExpertKey) -> Bool
  let nextID: () -> UInt64

  /// Of a whole batch.
  ///
  /// - Throws: `unavailable` naming the first expert in use that no living host has.
  func requests(_ routed: RoutedTokens) throws(ApusError) -> [HostRequest] {
    switch placement {
    case .sharded: return try cutRequests(routed)
    case .hosted(let experts):
      let dispatch = TokenDispatch(living(experts, without: []), dispatch: dispatch)
      try checkHosts(of: routed.experts, experts, without: [])
      var builder = Builder(self, topK: routed.topK)
      var hosts: [Int] = []
      for token in 0..<routed.tokenCount {
        let pairs = token * routed.topK..<(token + 1) * routed.topK
        hosts.removeAll(keepingCapacity: true)
        dispatch.route(routed.experts[pairs], token: token, into: &hosts)
        for (pair, host) in zip(pairs, hosts) {
          builder.add(token: Int32(token), expert: routed.experts[pair], gate: routed.gates[pair], to: host)
        }
      }
      return builder.requests
    }
  }

  /// The same computations on other hosts.
  ///
  /// - Throws: `unavailable` naming the first expert that no other living host has.
  func requests(instead request: HostRequest, without hosts: Set<Int>) throws(ApusError) -> [HostRequest] {
    guard case .hosted(let experts) = placement else { throw partless(request.host) }
    try checkHosts(of: request.experts, experts, without: hosts)
    let dispatch = TokenDispatch(living(experts, without: hosts), dispatch: dispatch)
    var builder = Builder(self, topK: request.topK)
    var chosen: [Int] = []
    var start = 0
    while start < request.rows.count {
      var end = start
      while end < request.rows.count, request.rows[end] == request.rows[start] { end += 1 }
      let token = request.tokens[Int(request.rows[start])]
      chosen.removeAll(keepingCapacity: true)
      dispatch.route(request.experts[start..<end], token: Int(token), into: &chosen)
      for (pair, host) in zip(start..<end, chosen) {
        builder.add(token: token, expert: request.experts[pair], gate: request.gates[pair], to: host)
      }
      start = end
    }
    return builder.requests
  }

  // MARK: Living hosts

  /// The shares of hosts that are there, adding up to 1 again; empty for experts without any.
  private func living(_ experts: [[HostShare]], without hosts: Set<Int>) -> [[HostShare]] {
    experts.enumerated().map { expert, shares in
      let key = ExpertKey(layer: layer, expert: expert, cut: 0..<intermediateSize)
      var living = shares.filter { !hosts.contains($0.host) && has($0.host, key) }
      let sum = living.reduce(0) { $0 + $1.weight }
      for index in living.indices {
        living[index].weight = sum > 0 ? living[index].weight / sum : 1 / Double(living.count)
      }
      return living
    }
  }

  private func checkHosts(
    of used: [UInt16], _ experts: [[HostShare]], without hosts: Set<Int>
  ) throws(ApusError) {
    for expert in Set(used).sorted() {
      let key = ExpertKey(layer: layer, expert: Int(expert), cut: 0..<intermediateSize)
      let shares = experts[Int(expert)]
      guard !shares.contains(where: { !hosts.contains($0.host) && has($0.host, key) }) else { continue }
      let names = shares.map { hostName($0.host) }.joined(separator: ", ")
      throw ApusError(
        .unavailable, "expert \(expert) of layer \(layer) has no living host; it is placed on \(names)",
        advice: "plan again without the lost hosts; replicas of an expert keep it alive when one is lost")
    }
  }

  private func partless(_ host: Int) -> ApusError {
    ApusError(
      .unavailable, "the experts of layer \(layer) are cut across their hosts, and \(hostName(host)) is lost",
      advice: "plan again without the lost host")
  }

  // MARK: Cut experts

  private func cutRequests(_ routed: RoutedTokens) throws(ApusError) -> [HostRequest] {
    let cuts = ExpertCuts(placement, intermediateSize: intermediateSize)
    var requests: [HostRequest] = []
    for (host, cut) in cuts.ranges.enumerated() where !cut.isEmpty {
      for expert in Set(routed.experts) where !has(host, ExpertKey(layer: layer, expert: Int(expert), cut: cut)) {
        throw partless(host)
      }
      var request = HostRequest(id: nextID(), host: host, cut: cut, topK: routed.topK)
      request.tokens = (0..<Int32(routed.tokenCount)).map { $0 }
      request.rows = routed.experts.indices.map { Int32($0 / routed.topK) }
      request.experts = routed.experts
      request.gates = routed.gates
      requests.append(request)
    }
    return requests
  }

  /// Tokens must come in ascending order.
  private struct Builder {
    private var places: [Int?]
    private(set) var requests: [HostRequest] = []
    private let split: RequestSplit
    private let topK: Int

    init(_ split: RequestSplit, topK: Int) {
      self.split = split
      self.topK = topK
      places = [Int?](repeating: nil, count: split.hostCount)
    }

    mutating func add(token: Int32, expert: UInt16, gate: Float, to host: Int) {
      if places[host] == nil {
        places[host] = requests.count
        requests.append(HostRequest(id: split.nextID(), host: host, cut: 0..<split.intermediateSize, topK: topK))
      }
      guard let place = places[host] else { return }
      if requests[place].tokens.last != token { requests[place].tokens.append(token) }
      requests[place].rows.append(Int32(requests[place].tokens.count - 1))
      requests[place].experts.append(expert)
      requests[place].gates.append(gate)
    }
  }
}

/// Which inner elements of cut experts each host has.
struct ExpertCuts {
  /// `[host]`; empty where a host has nothing, and everywhere for whole experts.
  let ranges: [Range<Int>]

  init(_ placement: LayerPlacement, intermediateSize: Int) {
    guard case .sharded(let fractions) = placement else {
      ranges = []
      return
    }
    var sum = 0.0
    var last = 0
    var ranges: [Range<Int>] = []
    let lastHost = fractions.lastIndex { $0 > 0 }
    for (host, fraction) in fractions.enumerated() {
      sum += fraction
      // The last part ends where the experts end, whatever the fractions' sum lost.
      let end =
        host == lastHost ? intermediateSize : min(intermediateSize, Int((sum * Double(intermediateSize)).rounded()))
      ranges.append(last..<max(last, end))
      last = max(last, end)
    }
    self.ranges = ranges
  }
}

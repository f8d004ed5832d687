/// Experts with one or more hosts each, whose shares follow the hosts' times.
struct SharedExperts {
  private(set) var shares: [[HostShare]]
  private let times: ExpertTimes
  private var left: [Int]
  private var busy: [Double]

  init(_ hosts: [Int], times: ExpertTimes, rooms: [Int]) {
    self.times = times
    shares = hosts.map { [HostShare(host: $0, weight: 1)] }
    left = rooms
    busy = [Double](repeating: 0, count: rooms.count)
    for host in hosts { left[host] -= 1 }
    for (expert, list) in shares.enumerated() { for share in list { busy[share.host] += time(expert, share) } }
  }

  /// Reading the weights is spent by every copy, computing by its share.
  private func time(_ expert: Int, _ share: HostShare) -> Double {
    times.seconds(times.tokens[expert] * share.weight, on: share.host)
  }

  /// Adds copies while one takes time off the busiest host.
  mutating func replicate() {
    for _ in 0..<left.reduce(0, +) {
      let busiest = busy.indices.max { busy[$0] < busy[$1] }!
      var best: (most: Double, expert: Int, shares: [HostShare])?
      for (expert, list) in shares.enumerated() where list.contains(where: { $0.host == busiest }) {
        for host in busy.indices where left[host] > 0 && !list.contains(where: { $0.host == host }) {
          let divided = divided(expert, among: list.map(\.host) + [host])
          let most = most(expert, divided)
          if best == nil || most < best!.most { best = (most, expert, divided) }
        }
      }
      guard let best, best.most < busy[busiest] * (1 - 1e-9) else { return }
      for share in shares[best.expert] { busy[share.host] -= time(best.expert, share) }
      shares[best.expert] = best.shares
      for share in best.shares { busy[share.host] += time(best.expert, share) }
      left[best.shares[best.shares.count - 1].host] -= 1
    }
  }

  /// Shares with which the hosts end together, given what else each has to do: tokens are poured onto the host that would
  /// end first.
  private func divided(_ expert: Int, among hosts: [Int]) -> [HostShare] {
    let own = shares[expert]
    let base = hosts.map { host in
      busy[host] - (own.first { $0.host == host }.map { time(expert, $0) } ?? 0)
    }
    let tokens = times.tokens[expert]
    guard tokens > 0 else { return own }
    // Water level: sum over hosts of (level - base) / seconds = tokens, hosts above the level get nothing.
    let order = hosts.indices.sorted { base[$0] < base[$1] }
    var (speed, filled, level) = (0.0, 0.0, 0.0)
    for (place, index) in order.enumerated() {
      let rate = 1 / times.secondsPerToken[hosts[index]]
      speed += rate
      filled += rate * base[index]
      level = (tokens + filled) / speed
      if place + 1 == order.count || level <= base[order[place + 1]] { break }
    }
    let parts = hosts.indices.map { max(0, level - base[$0]) / times.secondsPerToken[hosts[$0]] }
    let sum = parts.reduce(0, +)
    return zip(hosts, parts).map { HostShare(host: $0, weight: $1 / sum) }
  }

  private func most(_ expert: Int, _ divided: [HostShare]) -> Double {
    var changed = busy
    for share in shares[expert] { changed[share.host] -= time(expert, share) }
    for share in divided { changed[share.host] += time(expert, share) }
    return changed.max() ?? 0
  }
}

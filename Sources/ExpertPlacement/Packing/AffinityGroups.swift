/// One host for each expert of a layer, chosen so that tokens meet few hosts.
struct AffinityGroups {
  private(set) var hosts: [Int]
  let coActivation: [Float]
  private let times: ExpertTimes
  private var busy: [Double]
  private let most: [Double]

  /// - Parameter slack: most of a host's time over its fair share.
  init(_ problem: PlacementProblem, _ trace: RoutingTrace, layer: Int, slack: Double) {
    let times = ExpertTimes(problem, layer: layer)
    let rooms = problem.cluster.hosts.map(\.slotCount)
    self.times = times
    hosts = HostPacking(seconds: times.secondsPerToken, room: rooms, fixed: times.fixed).pack(times.tokens)
    coActivation = trace.coActivation(layer: layer)
    busy = [Double](repeating: 0, count: rooms.count)
    for (expert, host) in hosts.enumerated() { busy[host] += Self.time(expert, host, times) }
    // Packed evenly all hosts take about the same; none may end up above this.
    let level = busy.max() ?? 0
    most = busy.map { _ in level * slack }
    gather(rooms)
  }

  private static func time(_ expert: Int, _ host: Int, _ times: ExpertTimes) -> Double {
    times.seconds(times.tokens[expert], on: host)
  }

  private mutating func gather(_ rooms: [Int]) {
    let (count, hostCount) = (hosts.count, rooms.count)
    // `toHost[expert * hostCount + host]`: co-activation of an expert with all of a host.
    var toHost = [Float](repeating: 0, count: count * hostCount)
    for a in 0..<count { for b in 0..<count { toHost[a * hostCount + hosts[b]] += coActivation[a * count + b] } }
    var left = rooms
    for host in hosts { left[host] -= 1 }
    func shift(_ expert: Int, to host: Int) {
      let from = hosts[expert]
      for other in 0..<count {
        let weight = coActivation[other * count + expert]
        toHost[other * hostCount + from] -= weight
        toHost[other * hostCount + host] += weight
      }
      busy[from] -= Self.time(expert, from, times)
      busy[host] += Self.time(expert, host, times)
      hosts[expert] = host
    }
    for _ in 0..<4 * count {
      var best: (gain: Float, a: Int, b: Int?, host: Int) = (0.5, 0, nil, 0)
      for a in 0..<count {
        let from = hosts[a]
        for host in 0..<hostCount where host != from && left[host] > 0 {
          let gain = toHost[a * hostCount + host] - toHost[a * hostCount + from]
          if gain > best.gain, busy[host] + Self.time(a, host, times) <= most[host] { best = (gain, a, nil, host) }
        }
        for b in a + 1..<max(a + 1, count) where hosts[b] != from {
          let host = hosts[b]
          let gain =
            toHost[a * hostCount + host] - toHost[a * hostCount + from] + toHost[b * hostCount + from]
            - toHost[b * hostCount + host] - 2 * coActivation[a * count + b]
          guard gain > best.gain else { continue }
          let after = busy[host] - Self.time(b, host, times) + Self.time(a, host, times)
          let before = busy[from] - Self.time(a, from, times) + Self.time(b, from, times)
          if after <= most[host] && before <= most[from] { best = (gain, a, b, host) }
        }
      }
      guard best.gain > 0.5 else { return }
      let from = hosts[best.a]
      shift(best.a, to: best.host)
      if let b = best.b {
        shift(b, to: from)
      } else {
        left[from] += 1
        left[best.host] -= 1
      }
    }
  }
}

/// Packs experts onto hosts so that the busiest host has as little to do as can be: longest first, then the best move or
/// swap off the busiest host until none helps.
///
/// A host takes the longer of computing (`seconds` for each token) and of reading weights (`fixed` for each expert).
struct HostPacking {
  /// `[host]`: time for a token.
  var seconds: [Double]
  /// `[host]`: experts it has room for.
  var room: [Int]
  /// `[host]`: time for an expert, however few tokens it has.
  var fixed: [Double]
  /// `[host]`: time that is spent before the first expert, such as a latency.
  var start: [Double]

  init(seconds: [Double], room: [Int], fixed: [Double]? = nil, start: [Double]? = nil) {
    self.seconds = seconds
    self.room = room
    self.fixed = fixed ?? [Double](repeating: 0, count: seconds.count)
    self.start = start ?? [Double](repeating: 0, count: seconds.count)
  }

  private func time(_ tokens: Double, _ host: Int) -> Double {
    max(tokens * seconds[host], tokens > 0 ? fixed[host] : 0)
  }

  /// The host of each expert. There is room for all.
  func pack(_ tokens: [Double]) -> [Int] {
    var hosts = [Int](repeating: 0, count: tokens.count)
    var times = start
    var left = room
    for expert in tokens.indices.sorted(by: { (tokens[$0], $1) > (tokens[$1], $0) }) {
      var best = -1
      var least = Double.infinity
      for host in times.indices where left[host] > 0 {
        let after = times[host] + time(tokens[expert], host)
        if after < least { (best, least) = (host, after) }
      }
      precondition(best >= 0, "there is room for every expert")
      hosts[expert] = best
      times[best] += time(tokens[expert], best)
      left[best] -= 1
    }
    improve(&hosts, tokens, &times, &left)
    return hosts
  }

  /// Moves and swaps; each lowers the higher of the two hosts' times.
  private func improve(_ hosts: inout [Int], _ tokens: [Double], _ times: inout [Double], _ left: inout [Int]) {
    for _ in 0..<4 * tokens.count {
      let busiest = times.indices.max { times[$0] < times[$1] }!
      var best: (gain: Double, expert: Int, host: Int, other: Int?) = (0, 0, 0, nil)
      for expert in tokens.indices where hosts[expert] == busiest {
        let without = times[busiest] - time(tokens[expert], busiest)
        for host in times.indices where host != busiest && left[host] > 0 {
          let gain = times[busiest] - max(without, times[host] + time(tokens[expert], host))
          if gain > best.gain { best = (gain, expert, host, nil) }
        }
        for other in tokens.indices where hosts[other] != busiest && tokens[other] < tokens[expert] {
          let host = hosts[other]
          let gain =
            times[busiest]
            - max(
              without + time(tokens[other], busiest),
              times[host] - time(tokens[other], host) + time(tokens[expert], host))
          if gain > best.gain { best = (gain, expert, host, other) }
        }
      }
      guard best.gain > 1e-12 * times[busiest] else { return }
      func shift(_ expert: Int, to host: Int) {
        times[hosts[expert]] -= time(tokens[expert], hosts[expert])
        times[host] += time(tokens[expert], host)
        hosts[expert] = host
      }
      if let other = best.other {
        shift(best.expert, to: best.host)
        shift(other, to: busiest)
      } else {
        left[busiest] += 1
        left[best.host] -= 1
        shift(best.expert, to: best.host)
      }
    }
  }
}

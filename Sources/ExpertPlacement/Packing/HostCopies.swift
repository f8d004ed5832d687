/// The copies on each host of one layer, and their repair where a host got two of the same expert: the second would be
/// memory without use.
struct HostCopies {
  /// `[host][slot]`.
  private var experts: [[Int]]
  private let weights: [Float]
  private var counts: [Int]

  /// - Parameter slots: the expert in each slot, host after host.
  init(slots: [Int], rooms: [Int], weights: [Float]) {
    self.weights = weights
    counts = [Int](repeating: 0, count: weights.count)
    for expert in slots { counts[expert] += 1 }
    var next = 0
    experts = rooms.map { room in
      defer { next += room }
      return Array(slots[next..<min(slots.count, next + room)])
    }
  }

  /// `[expert]`: the hosts of its copies, ascending.
  var hosts: [[Int]] {
    var hosts = [[Int]](repeating: [], count: weights.count)
    for (host, list) in experts.enumerated() { for expert in list { hosts[expert].append(host) } }
    return hosts
  }

  private func share(_ expert: Int) -> Float { weights[expert] / Float(counts[expert]) }

  /// Swaps each second copy with one of another host that weighs about as much; where none can be swapped, an expert that
  /// the host does not have takes its slot.
  ///
  /// - Returns: how many second copies there were.
  mutating func repairDuplicates() -> Int {
    var repairedCount = 0
    for host in experts.indices {
      for slot in experts[host].indices where experts[host][..<slot].contains(experts[host][slot]) {
        repairedCount += 1
        swapAway(host, slot)
      }
    }
    return repairedCount
  }

  private mutating func swapAway(_ host: Int, _ slot: Int) {
    let expert = experts[host][slot]
    let loads = experts.map { $0.reduce(Float(0)) { $0 + share($1) } }
    var best: (most: Float, host: Int, slot: Int)?
    for other in experts.indices where other != host && !experts[other].contains(expert) {
      for (place, candidate) in experts[other].enumerated() where !experts[host].contains(candidate) {
        let difference = share(candidate) - share(expert)
        let most = max(loads[host] + difference, loads[other] - difference)
        if best == nil || most < best!.most { best = (most, other, place) }
      }
    }
    if let best {
      experts[host][slot] = experts[best.host][best.slot]
      experts[best.host][best.slot] = expert
      return
    }
    // More copies than hosts: the slot is better used by the expert that needs another copy most.
    counts[expert] -= 1
    let missing = weights.indices.filter { !experts[host].contains($0) }
    guard let hottest = missing.max(by: { share($0) < share($1) }) else {
      experts[host].remove(at: slot)
      return
    }
    counts[hottest] += 1
    experts[host][slot] = hottest
  }
}

/// The least time of hosts that share experts in any way: each expert in parts of any size, on hosts with room for so many
/// experts. The optimum of the linear relaxation of unrelated machines with memory (R||Cmax), for hosts that differ by one
/// factor; so nothing that is placed, cut or copied can be faster.
///
/// In `T` seconds host `i` can have `n` experts' worth of memory and `w` of work with `n <= slots[i]`, `w <= T * speeds[i]`.
/// Which `(n, w)` of all hosts together can be cut from the experts is Hardy, Littlewood and Pólya's theorem: those where the
/// hosts with most work for their memory never have more than the heaviest experts of that memory. So in each trial `T` the
/// hosts are given what is spread least, and then compared with the heaviest experts. Bisection on `T`; `O(60 (E + H log H))`.
struct FractionalPacking {
  /// Work of each expert, and what each host does of it in a second.
  let works: [Double]
  let speeds: [Double]
  /// Experts of each host.
  let slots: [Double]
  private let total: Double
  /// Work of the heaviest experts, `[count]`.
  private let heaviest: [Double]

  /// Hosts without room are left out.
  init(works: [Double], speeds: [Double], slots: [Int]) {
    precondition(speeds.count == slots.count, "a speed and slots for each host")
    precondition(slots.reduce(0, +) >= works.count, "room for every expert")
    self.works = works
    let hosts = slots.indices.filter { slots[$0] > 0 }
    self.speeds = hosts.map { speeds[$0] }
    self.slots = hosts.map { Double(min(slots[$0], works.count)) }
    heaviest = works.sorted(by: >).reduce(into: [0]) { $0.append($0[$0.count - 1] + $1) }
    total = heaviest[works.count]
  }

  /// Never more than the true optimum, and less by a millionth at most.
  var leastSeconds: Double {
    guard total > 0 else { return 0 }
    var low = total / speeds.reduce(0, +)
    guard !isEnough(low) else { return low }
    // Every host full with the same share of each expert is always possible.
    var high = zip(slots, speeds).reduce(0) { max($0, $1.0 / $1.1) } * total / Double(works.count)
    while high > low * (1 + 1e-6) {
      let middle = (low + high) / 2
      if isEnough(middle) { high = middle } else { low = middle }
    }
    return low
  }

  private func isEnough(_ seconds: Double) -> Bool {
    let capacity = speeds.map { $0 * seconds }
    let count = Double(works.count)
    let mean = total / count
    // Each host with the same share of each expert, as far as its memory and its time go.
    if zip(slots, capacity).reduce(0, { $0 + min($1.0, $1.1 / mean) }) >= count * (1 - 1e-12) { return true }
    // Otherwise memory is short on fast hosts, which fill it with heavier experts, and time on slow ones, which use it all.
    let fast = slots.indices.filter { capacity[$0] > mean * slots[$0] }
    let slow = slots.indices.filter { capacity[$0] <= mean * slots[$0] }
    let fastWork = Self.fill(
      caps: fast.map { capacity[$0] }, weights: fast.map { slots[$0] },
      total: total - slow.reduce(0) { $0 + capacity[$1] })
    let slowCount = Self.fill(
      caps: slow.map { slots[$0] }, weights: slow.map { capacity[$0] },
      total: count - fast.reduce(0) { $0 + slots[$1] })
    guard let fastWork, let slowCount else { return false }
    let parts =
      zip(fast, fastWork.values).map { (count: slots[$0], work: $1) }
      + zip(slow, slowCount.values).map { (count: $1, work: capacity[$0]) }
    var (sum, work) = (0.0, 0.0)
    for part in parts.sorted(by: { $0.work * $1.count > $1.work * $0.count }) {
      sum += part.count
      work += part.work
      if work > heaviestWork(of: sum) * (1 + 1e-9) { return false }
    }
    return true
  }

  private func heaviestWork(of count: Double) -> Double {
    let whole = min(works.count, Int(count))
    guard whole < works.count else { return total }
    return heaviest[whole] + (count - Double(whole)) * (heaviest[whole + 1] - heaviest[whole])
  }

  /// `min(cap, level * weight)` of each with the level at which they add up to the total; nil when even all caps do not.
  static func fill(caps: [Double], weights: [Double], total: Double) -> (level: Double, values: [Double])? {
    guard caps.reduce(0, +) >= total * (1 - 1e-12) else { return nil }
    var rest = total
    var weight = weights.reduce(0, +)
    var values = caps
    var level = 0.0
    let order = caps.indices.sorted { caps[$0] * weights[$1] < caps[$1] * weights[$0] }
    for (place, index) in order.enumerated() {
      level = rest / weight
      if caps[index] > level * weights[index] {
        for left in order[place...] { values[left] = level * weights[left] }
        break
      }
      level = caps[index] / weights[index]
      rest -= caps[index]
      weight -= weights[index]
    }
    return (level, values)
  }
}

/// A way to look for the best point of a grid, one measured block at a time.
public protocol GridSearch {
  /// The next point to measure; nil when it wants no more.
  mutating func next() -> Int?
  /// What the block gave: the logarithm of its speed-up over the default's; nil when it failed.
  mutating func observe(_ point: Int, _ logSpeedup: Double?)
  /// What it would recommend now. The default, point 0, until something better is known.
  var choice: Int { get }
}

/// Mean of what was observed of each point, and the best of them: how a search without a model chooses.
struct ObservedMeans {
  private(set) var sums: [Int: (sum: Double, count: Int)] = [0: (0, 1)]

  mutating func add(_ point: Int, _ value: Double) {
    let known = sums[point] ?? (0, 0)
    sums[point] = (known.sum + value, known.count + 1)
  }

  func mean(_ point: Int) -> Double? { sums[point].map { $0.sum / Double($0.count) } }

  var best: Int {
    sums.max { a, b in
      let means = (a.value.sum / Double(a.value.count), b.value.sum / Double(b.value.count))
      return means.0 != means.1 ? means.0 < means.1 : a.key > b.key
    }!.key
  }
}

/// Order statistics of measured values, by the nearest rank: every answer is a value that was seen.
struct Percentiles {
  private let sorted: [Double]

  init(_ values: some Sequence<Double>) {
    sorted = values.sorted()
    precondition(!sorted.isEmpty, "nothing was measured")
  }

  /// - Parameter share: 0.5 for the median.
  func at(_ share: Double) -> Double {
    sorted[min(sorted.count - 1, max(0, Int((share * Double(sorted.count)).rounded(.up)) - 1))]
  }

  var p50: Double { at(0.5) }
  var p99: Double { at(0.99) }
  var least: Double { sorted[0] }
  var most: Double { sorted[sorted.count - 1] }
}

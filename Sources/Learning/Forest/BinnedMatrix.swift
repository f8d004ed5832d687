/// Features as small numbers: each column is cut into at most 254 bins of about equally many values, and a value is
/// replaced by the number of its bin. Trees compare bins while they grow, which makes a split a table look-up.
struct BinnedMatrix: Sendable {
  static let missing: UInt8 = 255
  static let mostBins = 254

  let rowCount: Int
  let columnCount: Int
  /// Column after column: `codes[column * rowCount + row]`.
  let codes: [UInt8]
  /// `edges[column][bin]` lies between the values of `bin` and those of the next: a value at most as large is in `bin`
  /// or below.
  let edges: [[Float]]

  init(_ matrix: FeatureMatrix, mostBins: Int = BinnedMatrix.mostBins) {
    precondition((2...Self.mostBins).contains(mostBins), "2 to \(Self.mostBins) bins")
    rowCount = matrix.rowCount
    columnCount = matrix.columnCount
    var codes = [UInt8](repeating: Self.missing, count: rowCount * columnCount)
    var edges: [[Float]] = []
    for column in 0..<columnCount {
      let values = (0..<rowCount).map { Self.finite(matrix.values[$0 * matrix.columnCount + column]) }
      let cuts = Self.cuts(values.filter { !$0.isNaN }.sorted(), mostBins: mostBins)
      edges.append(cuts)
      for row in 0..<rowCount where !values[row].isNaN {
        codes[column * rowCount + row] = Self.bin(of: values[row], in: cuts)
      }
    }
    self.codes = codes
    self.edges = edges
  }

  /// Infinities become the largest numbers, so that midpoints exist.
  static func finite(_ value: Float) -> Float {
    value.isInfinite ? (value > 0 ? .greatestFiniteMagnitude : -.greatestFiniteMagnitude) : value
  }

  private static func cuts(_ sorted: [Float], mostBins: Int) -> [Float] {
    var distinct: [(value: Float, end: Int)] = []
    for (index, value) in sorted.enumerated() {
      if distinct.last?.value == value {
        distinct[distinct.count - 1].end = index + 1
      } else {
        distinct.append((value, index + 1))
      }
    }
    guard distinct.count > 1 else { return [] }
    var cuts: [Float] = []
    let share = Double(sorted.count) / Double(mostBins)
    var next = share
    for (lower, upper) in zip(distinct, distinct.dropFirst()) {
      guard distinct.count <= mostBins || Double(lower.end) >= next else { continue }
      let middle = lower.value / 2 + upper.value / 2
      cuts.append(middle >= lower.value && middle < upper.value ? middle : lower.value)
      while next <= Double(lower.end) { next += share }
    }
    return cuts
  }

  private static func bin(of value: Float, in cuts: [Float]) -> UInt8 {
    var (low, high) = (0, cuts.count)
    while low < high {
      let middle = (low + high) / 2
      if value <= cuts[middle] { high = middle } else { low = middle + 1 }
    }
    return UInt8(low)
  }
}

/// Features as their ranks among the training instances, from 0 to 1: distances then do not depend on units or long
/// tails. A missing value lies in the middle.
public struct RankedFeatures: Sendable {
  private let sorted: [[Float]]
  let columnCount: Int

  public init(_ matrix: FeatureMatrix) {
    columnCount = matrix.columnCount
    sorted = (0..<matrix.columnCount).map { column in
      (0..<matrix.rowCount).map { matrix.values[$0 * matrix.columnCount + column] }.filter { !$0.isNaN }.sorted()
    }
  }

  public func place(_ row: some Sequence<Float>) -> [Float] {
    zip(row, sorted).map { value, sorted in
      guard !value.isNaN, let first = sorted.first, let last = sorted.last, first < last else { return 0.5 }
      // The middle of the equal values: many equal values are one level, not a ramp.
      let (below, upTo) = (Self.count(sorted) { $0 < value }, Self.count(sorted) { $0 <= value })
      return Float(below + upTo) / Float(2 * sorted.count)
    }
  }

  public func places(_ matrix: FeatureMatrix) -> [[Float]] { (0..<matrix.rowCount).map { place(matrix.row($0)) } }

  public static func squaredDistance(_ a: [Float], _ b: [Float]) -> Float {
    var sum: Float = 0
    for index in a.indices {
      let difference = a[index] - b[index]
      sum += difference * difference
    }
    return sum
  }

  /// How many of the ascending values satisfy a condition that no later value does once one fails.
  private static func count(_ sorted: [Float], while isTrue: (Float) -> Bool) -> Int {
    var (low, high) = (0, sorted.count)
    while low < high {
      let middle = (low + high) / 2
      if isTrue(sorted[middle]) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

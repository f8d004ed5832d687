/// Values of a full factorial, told from their noise by an analysis of variance.
///
/// What was measured of the combinations is split into three strata: what each factor gives alone, what pairs of factors
/// give beyond that, and the rest. The first is kept; of the others only the share that their mean square is above the
/// noise's (positive-part James-Stein; Efron and Morris, Journal of the American Statistical Association, 1973). Without
/// it the best of a hundred noisy means is mostly the luckiest.
struct FactorialShrinkage {
  let space: GridSpace

  /// - Parameters:
  ///   - values: of `space.points`, in their order.
  ///   - errorVariance: of one value's noise.
  func shrink(_ values: [Double], errorVariance: Double) -> [Double] {
    let points = space.points
    precondition(values.count == points.count, "a value for each combination")
    let factors = space.factors.indices
    let count = Double(factors.count)
    let grand = values.reduce(0, +) / Double(values.count)
    let singles = marginSums(values, points, of: factors.map { [$0] })
    let pairs = marginSums(values, points, of: factors.flatMap { a in factors.filter { $0 > a }.map { [a, $0] } })

    let steps = space.factors.map { Double($0.levels.count - 1) }
    let singleDegrees = steps.reduce(0, +)
    let pairDegrees = (singleDegrees * singleDegrees - steps.reduce(0) { $0 + $1 * $1 }) / 2
    let restDegrees = Double(values.count) - 1 - singleDegrees - pairDegrees

    let alone = singles.map { $0 - (count - 1) * grand }
    let together = values.indices.map { place in
      pairs[place] - (count - 2) * singles[place] + (count - 1) * (count - 2) / 2 * grand
    }
    let ofPairs = zip(together, alone).map { $0 - $1 }
    let rest = zip(values, together).map { $0 - $1 }
    func kept(_ stratum: [Double], _ degrees: Double) -> Double {
      let squares = stratum.reduce(0) { $0 + $1 * $1 }
      return squares > 0 && degrees > 0 ? max(0, 1 - errorVariance * degrees / squares) : 0
    }
    let (pairShare, restShare) = (kept(ofPairs, pairDegrees), kept(rest, restDegrees))
    return values.indices.map { alone[$0] + pairShare * ofPairs[$0] + restShare * rest[$0] }
  }

  /// For each point: the sum over sets of factors of the mean of all points that have its levels of the set.
  private func marginSums(_ values: [Double], _ points: [[Int]], of sets: [[Int]]) -> [Double] {
    var sums = [Double](repeating: 0, count: values.count)
    for set in sets {
      for alike in Dictionary(grouping: values.indices, by: { place in set.map { points[place][$0] } }).values {
        let mean = alike.reduce(0) { $0 + values[$1] } / Double(alike.count)
        for place in alike { sums[place] += mean }
      }
    }
    return sums
  }
}

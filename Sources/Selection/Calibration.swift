import Serving

/// Turns errors on unseen contexts into the width of 90% intervals: conformal prediction (Vovk, Gammerman, Shafer 2005;
/// Lei et al., JASA 2018) over groups, since rows of one group err together (Dunn, Wasserman, Ramdas, JASA 2023).
///
/// What holds for errors of any distribution takes nine groups and, where rows have errors of their own as well, covers far
/// more than 90%. Histories have three to ten models and kinds of machines, so their number is taken for what it is worth
/// with normal errors.
enum Calibration {
  static let coverage = 0.9

  /// The size below which the error of a row of one more group lies with 90% probability.
  ///
  /// It is the 90% point of the errors at hand, widened as Student's t is against the normal distribution, by as many
  /// degrees of freedom as the errors are worth: rows that err together are worth one, rows that do not one each.
  ///
  /// - Parameter groups: of each error.
  /// - Returns: nil without errors.
  static func size(_ errors: [Double], groups: [Int32]) -> Double? {
    precondition(errors.count == groups.count, "one group for each error")
    guard !errors.isEmpty else { return nil }
    var known: [Int32: (squares: Double, count: Double)] = [:]
    for (error, group) in zip(errors, groups) {
      let (squares, count) = known[group] ?? (0, 0)
      known[group] = (squares + error * error, count + 1)
    }
    let sorted = zip(errors.map(abs), groups).sorted { ($0.0, $0.1) < ($1.0, $1.1) }
    let point = point(
      sorted.map { size, group in
        let count = known[group]!.count
        return (size, weight(count) / count)
      })
    // In order, so that equal errors give equal sums.
    let means = known.sorted { $0.key < $1.key }.map { _, group in
      (square: group.squares / group.count, weight: weight(group.count))
    }
    return point * student95(degreesOfFreedom(means)) / LogEstimate.quantile95
  }

  /// What a group counts for: nearly the same however many rows it has, but little with a few, which are far from what
  /// others of their group would be. It is the weight of the least variance where 0.3 of the errors' variance is common to
  /// a group (chosen).
  private static func weight(_ rowCount: Double) -> Double { rowCount / (rowCount + 10) }

  /// The 90% point of sizes in ascending order, each standing for the middle of its weight.
  private static func point(_ sizes: [(size: Double, weight: Double)]) -> Double {
    let wanted = coverage * sizes.reduce(0) { $0 + $1.weight }
    var (below, last) = (0.0, (middle: 0.0, size: 0.0))
    for (size, weight) in sizes {
      let middle = below + weight / 2
      if middle >= wanted {
        return last.size + (wanted - last.middle) / (middle - last.middle) * (size - last.size)
      }
      (below, last) = (below + weight, (middle, size))
    }
    return last.size
  }

  /// What groups' mean squares are worth together (Satterthwaite, Biometrics Bulletin 1946): as many as there are, where
  /// the rows of each err as one; more, the more alike the mean squares are.
  private static func degreesOfFreedom(_ means: [(square: Double, weight: Double)]) -> Double {
    let weights = means.reduce(0) { $0 + $1.weight }
    let mean = means.reduce(0) { $0 + $1.weight * $1.square } / weights
    let variance = means.reduce(0) { $0 + $1.weight * ($1.square - mean) * ($1.square - mean) } / weights
    let count = weights * weights / means.reduce(0) { $0 + $1.weight * $1.weight }
    // Of the mean; its own distance from the truth is not in the groups' distances from it.
    let ofMean = variance / max(count - 1, least)
    let degrees = means.count == 1 ? 1 : ofMean > 0 ? max(count, 2 * mean * mean / ofMean) : mostDegrees
    return min(mostDegrees, max(1, pointEfficiency * degrees))
  }

  /// The variance of normal errors' root mean square over that of their 90% point, each for the deviation it says.
  private static let pointEfficiency = 0.64
  /// Where Student's t is the normal distribution.
  private static let mostDegrees = 1e6

  /// The 95% point of Student's t, between whole degrees on the line between them.
  private static func student95(_ degrees: Double) -> Double {
    let whole = Int(degrees)
    let (lower, upper) = (
      PairedRatios.studentQuantile95(degrees: whole), PairedRatios.studentQuantile95(degrees: whole + 1)
    )
    return lower + (degrees - Double(whole)) * (upper - lower)
  }

  /// The same as the deviation of a normal distribution.
  static func deviation(_ errors: [Double], groups: [Int32]) -> Double? {
    size(errors, groups: groups).map { max(least, $0 / LogEstimate.quantile95) }
  }

  /// No forest is trusted to better than this.
  static let least = 0.02

  /// Deviations when there is nothing to calibrate on: a factor of 1.6 for a level, a quarter for a ratio, and twice as
  /// much for models or hardware never seen.
  static let unknownLevel = 0.5
  static let unknownRatio = 0.25
  static let farFactor = 2.0

  /// Groups that errors must come from to say anything.
  static let leastGroups = 3
}

/// How wrong a selector is in contexts of one kind, as deviations of logarithms that 90% intervals are made of.
struct Spread: Codable, Equatable, Sendable {
  /// Of the default's cost.
  var level: Double
  /// Of a candidate's ratio to it.
  var ratio: Double
  /// What the deviation of a candidate's cost is multiplied by, since the errors of level and ratio do not add up like
  /// independent ones.
  var costFactor: Double
  /// How much of the ratios' squared errors the candidates of a context have in common, 0...1.
  var commonShare = 0.0

  static let unknown = Spread(level: Calibration.unknownLevel, ratio: Calibration.unknownRatio, costFactor: 1)

  func widened(by factor: Double) -> Spread {
    Spread(level: level * factor, ratio: ratio * factor, costFactor: costFactor, commonShare: commonShare)
  }

  /// At least as wide as another: what is farther away cannot be foreseen better.
  func atLeast(_ other: Spread) -> Spread {
    var wide = Spread(
      level: max(level, other.level), ratio: max(ratio, other.ratio), costFactor: 1, commonShare: commonShare)
    wide.costFactor = max(costDeviation, other.costDeviation) / wide.costDeviation
    return wide
  }

  /// Of what is new in two ways, whose errors beside those of what is known add up like independent ones.
  ///
  /// - Parameter known: no wider than either.
  func joined(_ other: Spread, beside known: Spread) -> Spread {
    func sum(_ part: (Spread) -> Double) -> Double {
      let (own, others, near) = (part(self), part(other), part(known))
      return (own * own + others * others - near * near).squareRoot()
    }
    var wide = Spread(level: sum(\.level), ratio: sum(\.ratio), costFactor: 1, commonShare: commonShare)
    wide.costFactor = sum(\.costDeviation) / wide.costDeviation
    return wide
  }

  /// Of a candidate's cost.
  private var costDeviation: Double { costFactor * (level * level + ratio * ratio).squareRoot() }

  var isSound: Bool {
    [level, ratio, costFactor].allSatisfy { $0.isFinite && $0 > 0 } && (0...1).contains(commonShare)
  }
}

/// How far a model's knowledge is from a context.
enum Familiarity: CaseIterable, Sendable {
  /// This model on this hardware, in another workload.
  case known
  /// This model on other hardware.
  case newHardware
  /// Never this model, on hardware that others were measured on.
  case newModel
  /// Neither.
  case newModelAndHardware
}

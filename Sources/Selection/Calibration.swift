/// Turns errors on unseen contexts into the width of 90% intervals: conformal prediction (Vovk, Gammerman, Shafer 2005;
/// Lei et al., JASA 2018) over groups, since rows of one group err together (Dunn, Wasserman, Ramdas, JASA 2023): each
/// group weighs the same, however many rows it has.
enum Calibration {
  static let coverage = 0.9

  /// The size below which 90% of the errors lie, each group weighing 1.
  ///
  /// Few groups may have been lucky ones: the size is widened by one part in their number, about as much as Student's t
  /// lies above the normal distribution (1.14 for 7 groups; t says 1.18).
  ///
  /// - Parameter groups: of each error.
  /// - Returns: nil without errors.
  static func size(_ errors: [Double], groups: [Int32]) -> Double? {
    precondition(errors.count == groups.count, "one group for each error")
    guard !errors.isEmpty else { return nil }
    let members = groups.reduce(into: [Int32: Double]()) { $0[$1, default: 0] += 1 }
    let groupCount = Double(members.count)
    var left = coverage * groupCount
    var size = 0.0
    for (error, group) in zip(errors.map(abs), groups).sorted(by: { ($0.0, $0.1) < ($1.0, $1.1) }) {
      size = error
      left -= 1 / members[group]!
      // The margin is for rounding: nine of ten equal groups are 90%.
      if left <= 1e-9 { break }
    }
    return size * (1 + 1 / groupCount)
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
  /// Never this model.
  case newModel
}

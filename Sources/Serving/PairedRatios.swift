import Glibc

/// How much better one configuration is than another, from pairs that ran in the same rounds on the same prompts.
///
/// On a shared machine two runs an hour apart differ by 13% for no reason, and two runs a second apart by much less.
/// A ratio within a round cancels what the machine did to both; the logarithm of a ratio treats "twice as fast" and
/// "half as fast" alike, so the mean is taken there (geometric mean).
///
/// The interval is Student's t on the logarithms with a moderated variance (Smyth: Linear models and empirical Bayes
/// methods for assessing differential expression, 2004): two pairs that happen to agree say little about the noise, so
/// the variance seen is averaged with the one expected beforehand, which counts like `priorDegrees` pairs. With one
/// pair the expected noise alone sets the width; with ten it hardly matters. More noise is expected of blocks during
/// which other processes used the machine.
public struct PairedRatios: Hashable, Sendable {
  /// Standard deviation of the logarithm of one paired ratio, before anything was seen: blocks of equal work in turns
  /// spread by about 10% on a two-core machine that does nothing else.
  public static let priorDeviation = 0.10
  /// The same where a block of the pair ran on a busy machine: 23 pairs of equal work spread by 29% while other processes
  /// took half of two cores.
  public static let busyPriorDeviation = 0.30
  /// How many further pairs the expectation counts like.
  public static let priorDegrees = 2

  /// Logarithm of each pair's speed-up; above 0 the candidate was better.
  public private(set) var logSpeedups: [Double] = []
  /// Sum of the variances expected of the pairs.
  private var expectedVariances = 0.0
  /// The direction in which a value is better.
  public let objective: Objective

  public init(objective: Objective) { self.objective = objective }

  /// Pairs the completed blocks of the same trial, round and workload shape.
  ///
  /// A block that failed, or that has no partner, makes no pair: failures are counted elsewhere, not averaged.
  public init(candidate: [Measurement], baseline: [Measurement], objective: Objective) {
    self.init(objective: objective)
    var baselines: [PairKey: Measurement] = [:]
    for measurement in baseline {
      if let key = PairKey(measurement) { baselines[key] = measurement }
    }
    for measurement in candidate {
      guard let key = PairKey(measurement), let other = baselines.removeValue(forKey: key),
        let value = measurement.outcome.metrics?.value(objective),
        let otherValue = other.outcome.metrics?.value(objective)
      else { continue }
      add(
        candidate: value, baseline: otherValue,
        onBusyMachine: measurement.ranOnBusyMachine || other.ranOnBusyMachine)
    }
  }

  /// Adds one pair of values of the objective. A pair with a value that is not above zero is left out: such a block
  /// measured nothing (no second token, no good request).
  public mutating func add(candidate: Double, baseline: Double, onBusyMachine isBusy: Bool = false) {
    guard candidate > 0, baseline > 0, candidate.isFinite, baseline.isFinite else { return }
    add(
      logSpeedup: objective.isMaximized ? log(candidate / baseline) : log(baseline / candidate), onBusyMachine: isBusy)
  }

  /// Adds one pair whose ratio is known already: the logarithm of its speed-up, above 0 when the candidate was better.
  public mutating func add(logSpeedup: Double, onBusyMachine isBusy: Bool = false) {
    guard logSpeedup.isFinite else { return }
    let deviation = isBusy ? Self.busyPriorDeviation : Self.priorDeviation
    expectedVariances += deviation * deviation
    logSpeedups.append(logSpeedup)
  }

  public var count: Int { logSpeedups.count }

  /// Geometric mean of the speed-ups: above 1 the candidate is better, whatever the objective. Nil without a pair.
  public var speedup: Double? { count == 0 ? nil : exp(meanLog) }

  /// Where the speed-up lies with 90% probability. Nil without a pair.
  public var interval: ClosedRange<Double>? {
    guard count > 0 else { return nil }
    let degrees = Self.priorDegrees + count - 1
    let squares = logSpeedups.reduce(0) { $0 + ($1 - meanLog) * ($1 - meanLog) }
    let expected = Double(Self.priorDegrees) * expectedVariances / Double(count)
    let standardError = ((expected + squares) / Double(degrees) / Double(count)).squareRoot()
    let half = Self.studentQuantile95(degrees: degrees) * standardError
    return exp(meanLog - half)...exp(meanLog + half)
  }

  /// Mean of the logarithms. Nil without a pair.
  public var meanLogSpeedup: Double? { count == 0 ? nil : meanLog }

  /// Variance expected of one pair before anything was seen, by how busy the machine was; that of a quiet machine
  /// without a pair.
  public var expectedVariance: Double {
    count == 0 ? Self.priorDeviation * Self.priorDeviation : expectedVariances / Double(count)
  }

  private var meanLog: Double { logSpeedups.reduce(0, +) / Double(count) }

  /// The 95% point of Student's t: a tenth of the probability lies outside of plus and minus this.
  ///
  /// Tabled to 10 degrees, then the Cornish-Fisher expansion around the normal quantile (Abramowitz and Stegun,
  /// Handbook of Mathematical Functions, 26.7.5), whose error there is below 0.001.
  package static func studentQuantile95(degrees: Int) -> Double {
    precondition(degrees >= 1, "Student's t needs at least one degree of freedom, not \(degrees)")
    let tabled = [6.3138, 2.9200, 2.3534, 2.1318, 2.0150, 1.9432, 1.8946, 1.8595, 1.8331, 1.8125]
    if degrees <= tabled.count { return tabled[degrees - 1] }
    let z = 1.644_854
    let n = Double(degrees)
    let first = (z * z * z + z) / 4
    let second = (5 * pow(z, 5) + 16 * pow(z, 3) + 3 * z) / 96
    return z + first / n + second / (n * n)
  }
}

/// What two blocks must have in common to be a pair.
private struct PairKey: Hashable {
  var trial: TrialID
  var round: Int
  var shape: String

  /// Nil for a block that did not complete, and for what no trial measured.
  init?(_ measurement: Measurement) {
    guard measurement.outcome.metrics != nil else { return nil }
    guard case .trial(let trial, _, _, let round) = measurement.source else { return nil }
    self.trial = trial
    self.round = round
    self.shape = measurement.workload.shape
  }
}

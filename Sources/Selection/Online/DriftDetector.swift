/// Notices that a stream of outcomes changed its level for good: a two-sided CUSUM (Page: Continuous inspection schemes,
/// Biometrika 1954) on how far each outcome is from what was expected.
///
/// Intuition: add up how much more than usual things take, minus a slack. Noise keeps falling back to zero; a shift adds
/// up until it is beyond doubt. Surprises are counted in deviations and at most three of them each, so that a single
/// outcome, however absurd, is never a change.
///
/// With this slack and limit, Siegmund's approximation (1985) gives one false alarm in about two million independent normal
/// outcomes; a shift of s deviations is seen after about 9 / (s - 0.75) outcomes. Latencies have heavier tails and are
/// not independent, so the real rate is higher: six in a million where one in twenty takes up to five times as long.
struct DriftDetector: Sendable {
  static let slack = 0.75
  static let limit = 9.0
  static let clip = 3.0
  /// The spread of repeated jobs before any was seen, and for how many outcomes that counts.
  static let priorDeviation = 0.3
  static let priorCount = 20.0
  /// Outcomes the spread remembers: it may follow the traffic's habits, slowly.
  static let mostCount = 500.0
  static let leastDeviation = 0.05

  /// What was noticed: everything takes `factor` times as long as before, for `outcomes` outcomes now.
  struct Shift: Hashable, Sendable {
    /// Mean of the surprises, as a logarithm.
    var logFactor: Double
    var outcomes: Int
  }

  private struct Side: Sendable {
    var sum = 0.0
    var surprises = 0.0
    var count = 0

    mutating func add(_ excess: Double, _ surprise: Double) -> Bool {
      sum += excess - DriftDetector.slack
      if sum <= 0 {
        self = Side()
        return false
      }
      surprises += surprise
      count += 1
      return sum > DriftDetector.limit
    }
  }

  private var above = Side()
  private var below = Side()
  private var squares = priorDeviation * priorDeviation * priorCount
  private var count = priorCount

  private var deviation: Double { max(Self.leastDeviation, (squares / count).squareRoot()) }

  /// - Parameters:
  ///   - surprise: logarithm of an outcome's cost over what was expected of it.
  ///   - earlier: outcomes that the expectation rests on, at least 1: of few, it may be wrong itself.
  /// - Returns: a shift once it is beyond doubt; the detector then starts over.
  mutating func add(_ surprise: Double, earlier: Int) -> Shift? {
    let spread = deviation * (1 + 1 / Double(earlier)).squareRoot()
    let clipped = min(max(surprise / spread, -Self.clip), Self.clip)
    count += 1
    squares += clipped * clipped * deviation * deviation
    if count > Self.mostCount {
      squares *= Self.mostCount / count
      count = Self.mostCount
    }
    let isAbove = above.add(clipped, surprise)
    let isBelow = below.add(-clipped, surprise)
    guard isAbove || isBelow else { return nil }
    let side = isAbove ? above : below
    restart()
    return Shift(logFactor: side.surprises / Double(side.count), outcomes: side.count)
  }

  /// Forgets what adds up, not how much outcomes spread.
  mutating func restart() {
    above = Side()
    below = Side()
  }
}

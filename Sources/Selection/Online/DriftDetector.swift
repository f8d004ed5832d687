/// Notices that a stream of outcomes changed its level for good: a two-sided CUSUM (Page: Continuous inspection schemes,
/// Biometrika 1954) on how far each outcome is from what was expected.
///
/// Intuition: add up how much more than usual things take, minus a slack. Noise keeps falling back to zero; a shift adds
/// up until it is beyond doubt. Surprises are counted in deviations and at most three of them each, so that a single
/// outcome, however absurd, is never a change.
///
/// With this slack and limit, Siegmund's approximation (1985) gives one false alarm in about two million independent normal
/// outcomes; a shift of s deviations is seen after about 9 / (s - 0.75) outcomes. Latencies are not independent: a busy
/// neighbour slows all jobs of a moment. Sums of outcomes that hang together spread further, by (1 + r) / (1 - r) in variance
/// where each is r times the one before and something new (Johnson, Bagshaw: The effect of serial correlation on the
/// performance of CUSUM tests, Technometrics 1974), so the limit grows by as much.
///
/// The rate, as its tests measure it: at most one false alarm in 100,000 outcomes up to a correlation of 0.5 and in 25,000 at
/// 0.7, also where one in twenty takes up to five times as long; most of them while little was seen of the noise. A node that slows to half is told within 50 outcomes where they are independent, and
/// mostly so where they are not.
struct DriftDetector: Sendable {
  static let slack = 0.75
  static let limit = 9.0
  static let clip = 3.0
  /// More is not believed, as it would take too long to tell a change.
  static let mostCorrelation = 0.6
  /// Outcomes that count for the correlation only when all of them came: a change makes outcomes alike as well, and is to be
  /// told before.
  static let block = 50
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

    mutating func add(_ excess: Double, _ surprise: Double, limit: Double) -> Bool {
      sum += excess - DriftDetector.slack
      if sum <= 0 {
        self = Side()
        return false
      }
      surprises += surprise
      count += 1
      return sum > limit
    }
  }

  private var above = Side()
  private var below = Side()
  private var squares = priorDeviation * priorDeviation * priorCount
  /// Sum of the products of surprises with those before them; that of the block under way, and how many came of it.
  private var products = 0.0
  private var blockProducts = 0.0
  private var blockCount = 0
  private var count = priorCount
  /// The last surprise, in deviations.
  private var last = 0.0

  private var deviation: Double { max(Self.leastDeviation, (squares / count).squareRoot()) }
  private var correlation: Double { min(max(0, products / squares), Self.mostCorrelation) }

  /// - Parameters:
  ///   - surprise: logarithm of an outcome's cost over what was expected of it.
  ///   - earlier: outcomes that the expectation rests on, at least 1: of few, it may be wrong itself.
  /// - Returns: a shift once it is beyond doubt; the detector then starts over.
  mutating func add(_ surprise: Double, earlier: Int) -> Shift? {
    let spread = deviation * (1 + 1 / Double(earlier)).squareRoot()
    let clipped = min(max(surprise / spread, -Self.clip), Self.clip)
    count += 1
    let square = deviation * deviation
    squares += clipped * clipped * square
    addProduct(clipped * last * square)
    last = clipped
    if count > Self.mostCount {
      squares *= Self.mostCount / count
      products *= Self.mostCount / count
      count = Self.mostCount
    }
    let limit = Self.limit * (1 + correlation) / (1 - correlation)
    let isAbove = above.add(clipped, surprise, limit: limit)
    let isBelow = below.add(-clipped, surprise, limit: limit)
    guard isAbove || isBelow else { return nil }
    let side = isAbove ? above : below
    restart()
    return Shift(logFactor: side.surprises / Double(side.count), outcomes: side.count)
  }

  private mutating func addProduct(_ product: Double) {
    blockProducts += product
    blockCount += 1
    guard blockCount == Self.block else { return }
    products += blockProducts
    (blockProducts, blockCount) = (0, 0)
  }

  /// Forgets what adds up, not how much outcomes spread.
  mutating func restart() {
    above = Side()
    below = Side()
    (blockProducts, blockCount) = (0, 0)
  }
}

import Glibc
import Selection
public import Serving

/// Finds the best of many configurations for one model, worker and workload in few trials.
///
/// 1. The opening: what a portfolio put first, one pair each.
/// 2. The search: whatever promises most to beat the leader, judged by `KnobEffects` from all pairs so far. While nothing
///    is known that is combinations of many settings, as in a factorial design: each pair says something of all of them.
///    Later it is leaders with one more or another setting.
/// 3. The final: the best few again and again, fewer each time (successive halving; Jamieson and Talwalkar, AISTATS
///    2016), until one is the best beyond doubt or repeats would say no more.
///
/// A loser leaves as soon as it is the worse one beyond doubt (racing; Maron and Moore, NIPS 1993): when its upper
/// one-sided 95% bound lies below the leader, with the noise of a pair pooled over the whole field.
///
/// Knows nothing of trials, time or machines: whoever drives it runs `nextHeat` and tells what came out.
public struct Race: Sendable {
  public struct Options: Hashable, Sendable {
    /// Exact configurations that go into the final, and approximate ones beside them.
    public var finalists = 3
    public var approximateFinalists = 1
    /// Rounds of a finalist before the others may leave for good.
    public var pairedRounds = 2
    /// Rounds of the last two while nobody knows which is better.
    public var mostRounds = 6
    /// The search goes on while this much is to be gained on average, as a logarithm: half a per cent.
    public var leastGain = 0.005
    /// First looks between which nothing is learned. On 100 made-up grids 4 cost fewer blocks, those of the default
    /// included, than 1, 2, 8 or 15 (medians 9, 10, 9, 10 and 17).
    public var heatSize = 4
    /// First looks before the search may end: a prior that knows nothing of single settings that triple the speed is not
    /// yet to be believed when it says that nobody can beat the leader.
    public var leastScreened = 8
    /// First looks at the most, opening included.
    public var mostScreened = 200

    public init() {}
  }

  /// One-sided 95%.
  static let quantile = LogEstimate.quantile95
  /// A winner must be this much faster than the default; less is "no gain".
  static let worthwhile = log(1.03)

  /// What a failure counts for where the effects of its settings are estimated: half the default's speed, give or take
  /// a lot. Relatives of what crashed are tried later, not never.
  static let failure = LogEstimate(mean: -0.7, variance: 0.25)

  let options: Options
  /// The default first.
  let baseline: Candidate
  /// In the order to try them in the opening.
  private(set) var entrants: [Entrant]
  /// How many of the entrants make the opening.
  let openingCount: Int
  private let places: [EngineConfiguration: Int]
  private let kernel: KnobKernel
  /// Of those that ran or failed: what they have in common with each.
  private var rows: [Int: [Double]] = [:]
  private(set) var ratios: [Int: PairedRatios] = [:]
  private(set) var failed: Set<Int> = []

  /// - Parameters:
  ///   - baseline: what all others are compared with; it never races itself.
  ///   - entrants: in the order to try them. A configuration that is there twice counts once; the default is left out.
  ///   - openingCount: how many of them are tried before the search begins.
  public init(baseline: Candidate, entrants: [Entrant], openingCount: Int, options: Options = Options()) {
    self.options = options
    self.baseline = baseline
    var seen: Set<EngineConfiguration> = [baseline.configuration]
    let own = entrants.filter { seen.insert($0.candidate.configuration).inserted }
    self.entrants = own
    self.openingCount = min(openingCount, own.count)
    kernel = KnobKernel(own, against: baseline.configuration.engine)
    places = Dictionary(uniqueKeysWithValues: own.enumerated().map { ($1.candidate.configuration, $0) })
  }

  // MARK: What happened

  /// All pairs a configuration ran so far. One that is not in the race changes nothing.
  public mutating func record(_ configuration: EngineConfiguration, _ ratios: PairedRatios) {
    guard let place = places[configuration], ratios.count > 0 else { return }
    self.ratios[place] = ratios
    relate(place)
  }

  /// It crashed, ran out of memory or time: a few seconds of engine time are not worth a second try.
  public mutating func fail(_ configuration: EngineConfiguration) {
    guard let place = places[configuration] else { return }
    failed.insert(place)
    relate(place)
  }

  private mutating func relate(_ place: Int) {
    if rows[place] == nil { rows[place] = kernel.row(place) }
  }

  /// It promised to say what the default says, and was seen not to: from now on it races with the approximate ones.
  public mutating func demote(_ configuration: EngineConfiguration) {
    if let place = places[configuration] { entrants[place].candidate.fidelity = .approximate }
  }

  // MARK: What is known

  /// Pairs of all configurations together.
  public var pairCount: Int { ratios.values.reduce(0) { $0 + $1.count } }

  /// Configurations that ran and did not fail, best first by what is believed of them.
  public var standings: [Standing] { standings(beliefs()) }

  /// The best exact configuration, the default included: nil while nobody is believed to beat the default.
  public var leader: Standing? {
    standings.first { $0.candidate.fidelity == .exact && $0.belief.mean > 0 }
  }

  /// Whether it lost for good: it failed, or is worse than the leader or the default beyond doubt.
  public func isOut(_ configuration: EngineConfiguration) -> Bool {
    guard let place = places[configuration] else { return true }
    return failed.contains(place) || isBeaten(place, beliefs())
  }

  /// What is believed of every entrant now.
  func beliefs() -> KnobEffects {
    let noise = noise
    return KnobEffects(
      kernel,
      observations: rows.sorted { $0.key < $1.key }.map { place, row in
        guard !failed.contains(place), let ratios = ratios[place], let mean = ratios.meanLogSpeedup else {
          return KnobEffects.Observation(
            place: place, row: row, mean: Self.failure.mean, variance: Self.failure.variance)
        }
        return KnobEffects.Observation(place: place, row: row, mean: mean, variance: noise / Double(ratios.count))
      })
  }

  /// Variance of one pair.
  var noise: Double {
    var pooled = PairNoise()
    for (_, own) in ratios.sorted(by: { $0.key < $1.key }) { pooled.add(own) }
    return pooled.variance
  }

  func standings(_ beliefs: KnobEffects) -> [Standing] {
    ratios.keys.filter { !failed.contains($0) }.sorted { (-beliefs.means[$0], $0) < (-beliefs.means[$1], $1) }
      .map { place in
        Standing(
          candidate: entrants[place].candidate,
          belief: LogEstimate(mean: beliefs.means[place], variance: beliefs.variances[place]),
          pairCount: ratios[place]?.count ?? 0)
      }
  }

  /// The best measured exact one, as far as it beats the default.
  func best(_ beliefs: KnobEffects, _ fidelity: Fidelity = .exact) -> (place: Int?, mean: Double, variance: Double) {
    let running = ratios.keys.filter { !failed.contains($0) && entrants[$0].candidate.fidelity == fidelity }
    guard let place = running.max(by: { (beliefs.means[$0], -$0) < (beliefs.means[$1], -$1) }),
      beliefs.means[place] > 0
    else { return (nil, 0, 0) }
    return (place, beliefs.means[place], beliefs.variances[place])
  }

  func isBeaten(_ place: Int, _ beliefs: KnobEffects) -> Bool {
    let best = best(beliefs, entrants[place].candidate.fidelity)
    guard place != best.place else { return false }
    let spread = (best.variance + beliefs.variances[place]).squareRoot()
    return beliefs.means[place] + Self.quantile * spread < best.mean
  }
}

import Glibc
public import Serving

/// Bayesian search with tree-structured Parzen estimators (Bergstra, Bardenet, Bengio, Kegl: Algorithms for
/// hyper-parameter optimization, NIPS 2011): the better part of what was seen makes one density, the rest another, and
/// the point with the largest ratio of the two among some drawn from the first comes next.
///
/// Every factor is categorical and estimated by itself, with one pseudo-observation spread evenly over its levels. A
/// point that was measured is not drawn again: in a finite grid that only helps.
public struct TreeParzenSearch: GridSearch {
  public struct Options: Hashable, Sendable {
    /// Points drawn at random before the densities are used.
    public var startCount: Int
    /// Points drawn from the better density for each choice.
    public var drawCount = 24
    /// Which observations make the better part.
    public var rule: Rule

    public enum Rule: Hashable, Sendable {
      /// The best quarter (gamma 0.25).
      case quarter
      /// The best tenth, at most 25: Optuna 4's `default_gamma`.
      case tenth

      func better(of count: Int) -> Int {
        switch self {
        case .quarter: max(1, Int((0.25 * Double(count)).rounded(.up)))
        case .tenth: max(1, min(25, Int((0.1 * Double(count)).rounded(.up))))
        }
      }
    }

    /// Optuna's `TPESampler` as it comes: 10 points to start with, 24 draws.
    public static let optuna = Options(startCount: 10, rule: .tenth)
    /// Gamma 0.25 as in hyperopt, with Optuna's start: hyperopt's own 20 points would be a fifth of a grid.
    public static let quarter = Options(startCount: 10, rule: .quarter)

    public init(startCount: Int, rule: Rule) {
      self.startCount = startCount
      self.rule = rule
    }
  }

  private let options: Options
  private let levels: [[Int]]
  private let levelCounts: [Int]
  private let places: [[Int]: Int]
  private var order: [Int]
  private var seen: Set<Int> = [0]
  private var observed = ObservedMeans()
  private var generator: SeededGenerator

  public init(_ grid: MeasuredGrid, options: Options, using generator: inout SeededGenerator) {
    self.options = options
    levels = grid.points.map(\.levels)
    levelCounts = grid.space.factors.map(\.levels.count)
    places = Dictionary(uniqueKeysWithValues: levels.enumerated().map { ($1, $0) })
    order = grid.points.indices.dropFirst().shuffled(using: &generator)
    self.generator = SeededGenerator(seed: generator.next())
  }

  public mutating func next() -> Int? {
    let open = order.filter { !seen.contains($0) }
    guard let atRandom = open.first else { return nil }
    let point = seen.count <= options.startCount ? atRandom : drawn() ?? atRandom
    seen.insert(point)
    return point
  }

  public mutating func observe(_ point: Int, _ logSpeedup: Double?) {
    // A failure is the worst there can be.
    observed.add(point, logSpeedup ?? -5)
  }

  public var choice: Int { observed.best }

  /// The drawn point with the largest ratio of densities that was not measured yet.
  private mutating func drawn() -> Int? {
    let ranked = observed.sums.keys.sorted { (-observed.mean($0)!, $0) < (-observed.mean($1)!, $1) }
    let count = options.rule.better(of: ranked.count)
    let good = density(ranked.prefix(count))
    let bad = density(ranked.dropFirst(count))
    var best: (point: Int, score: Double)?
    for _ in 0..<options.drawCount {
      let draw = good.map { weights in pick(weights) }
      guard let point = places[draw], !seen.contains(point) else { continue }
      let score = draw.indices.reduce(0.0) { $0 + log(good[$1][draw[$1]]) - log(bad[$1][draw[$1]]) }
      if score > best?.score ?? -.infinity { best = (point, score) }
    }
    return best?.point
  }

  /// Probability of each level of each factor.
  private func density(_ points: ArraySlice<Int>) -> [[Double]] {
    levelCounts.enumerated().map { factor, levelCount in
      var weights = [Double](repeating: 1 / Double(levelCount), count: levelCount)
      for point in points { weights[levels[point][factor]] += 1 }
      return weights.map { $0 / (Double(points.count) + 1) }
    }
  }

  private mutating func pick(_ weights: [Double]) -> Int {
    var left = Double.random(in: 0..<1, using: &generator)
    for (level, weight) in weights.enumerated() {
      left -= weight
      if left < 0 { return level }
    }
    return weights.count - 1
  }
}

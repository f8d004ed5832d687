import Serving

/// All planners played on all grids with many seeds.
public struct PlannerComparison: Sendable {
  public enum Planner: String, Sendable, CaseIterable {
    /// The planner's race without any history.
    case race
    /// The race with a portfolio and foresight from the other grids.
    case raceWithHistory = "race, history of the other grids"
    case randomSearch = "random search"
    case tpeQuarter = "TPE, gamma 0.25"
    case tpeQuarterShort = "TPE, gamma 0.25, 10 to start"
    case tpeOptuna = "TPE, Optuna's defaults"
    case fullGrid = "full grid"

    public var isTPE: Bool { self == .tpeQuarter || self == .tpeQuarterShort || self == .tpeOptuna }
  }

  /// What one planner reached on one grid, or on all of them.
  public struct Score: Sendable {
    public var planner: Planner
    /// Nil for all grids together.
    public var grid: String?
    /// Medians over seeds (and grids). Blocks until the choice was good for the first time, and for good; a run that
    /// never got there counts as all points of its grid.
    public var firstGood: Double
    public var goodForGood: Double
    /// Quality after a fifth of the grid's points; and a low one: a tenth of the runs were worse.
    public var qualityAtFifth: Double
    public var lowQualityAtFifth: Double
    /// Share of the runs whose choice was good after a fifth of the points.
    public var goodShareAtFifth: Double
    /// Blocks it wanted in all.
    public var blockCount: Double
  }

  public let scores: [Score]

  /// - Parameter seeds: one run of each planner on each grid for each.
  public init(_ grids: [MeasuredGrid], seeds: Range<UInt64>, planners: [Planner] = Planner.allCases) {
    var scores: [Score] = []
    for planner in planners {
      var all: [(Replay, MeasuredGrid)] = []
      for grid in grids {
        let others = grids.filter { $0.name != grid.name }
        let replays = seeds.map { Self.play(planner, grid, history: others, seed: $0) }
        scores.append(Self.score(planner, grid.name, replays.map { ($0, grid) }))
        all += replays.map { ($0, grid) }
      }
      scores.append(Self.score(planner, nil, all))
    }
    self.scores = scores
  }

  /// The score over all grids.
  public func overall(_ planner: Planner) -> Score? { scores.first { $0.planner == planner && $0.grid == nil } }

  private static func play(_ planner: Planner, _ grid: MeasuredGrid, history: [MeasuredGrid], seed: UInt64) -> Replay {
    var generator = SeededGenerator(seed: seed &* 0x9E37_79B9 &+ 17)
    switch planner {
    case .race:
      return Replay.play(RacingSearch(grid), on: grid, using: &generator)
    case .raceWithHistory:
      return Replay.play(RacingSearch(grid, history: history), on: grid, using: &generator)
    case .randomSearch, .fullGrid:
      let search = RandomSearch(grid, using: &generator)
      return Replay.play(search, on: grid, using: &generator)
    case .tpeQuarter:
      let search = TreeParzenSearch(grid, options: .hyperopt, using: &generator)
      return Replay.play(search, on: grid, using: &generator)
    case .tpeQuarterShort:
      let search = TreeParzenSearch(grid, options: .shortStart, using: &generator)
      return Replay.play(search, on: grid, using: &generator)
    case .tpeOptuna:
      let search = TreeParzenSearch(grid, options: .optuna, using: &generator)
      return Replay.play(search, on: grid, using: &generator)
    }
  }

  private static func score(_ planner: Planner, _ grid: String?, _ runs: [(Replay, MeasuredGrid)]) -> Score {
    func median(_ values: [Double]) -> Double { quantile(values, 0.5) }
    let atFifth = runs.map { $0.0.quality(after: $0.1.points.count / 5) }
    // A full grid chooses only when every point was measured.
    let isFull = planner == .fullGrid
    return Score(
      planner: planner, grid: grid,
      firstGood: median(runs.map { Double(isFull ? $1.points.count : $0.firstGood ?? $1.points.count) }),
      goodForGood: median(runs.map { Double(isFull ? $1.points.count : $0.goodForGood ?? $1.points.count) }),
      qualityAtFifth: isFull ? 0 : median(atFifth), lowQualityAtFifth: isFull ? 0 : quantile(atFifth, 0.1),
      goodShareAtFifth: isFull
        ? 0 : Double(atFifth.filter { $0 >= Replay.goodQuality }.count) / Double(max(1, atFifth.count)),
      blockCount: median(runs.map { Double($0.0.qualities.count) }))
  }

  private static func quantile(_ values: [Double], _ share: Double) -> Double {
    guard !values.isEmpty else { return 0 }
    let sorted = values.sorted()
    let place = share * Double(sorted.count - 1)
    let (lower, upper) = (Int(place), min(sorted.count - 1, Int(place) + 1))
    return sorted[lower] + (sorted[upper] - sorted[lower]) * (place - Double(lower))
  }
}

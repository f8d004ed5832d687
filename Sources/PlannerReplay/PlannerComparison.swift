import Serving

/// All planners played on all grids with many seeds.
public struct PlannerComparison: Sendable {
  public enum Planner: String, Sendable, CaseIterable {
    /// The planner's race without any history.
    case race
    /// The race with a portfolio and foresight from the other grids.
    case raceWithHistory = "race, history of the other grids"
    case tpeOptuna = "TPE, Optuna's defaults"
    case tpeQuarter = "TPE, gamma 0.25"
    case randomSearch = "random search"
    /// Chooses only when every point was measured once.
    case fullGrid = "full grid"

    public var isTPE: Bool { self == .tpeOptuna || self == .tpeQuarter }
  }

  /// What one planner reached on one grid, or on all of them.
  public struct Score: Sendable {
    public var planner: Planner
    /// Nil for all grids together.
    public var grid: String?
    /// Blocks until the choice was good for the first time: median over seeds (and grids), and what a tenth of the runs
    /// needed more than. A run that never got there counts as all points of its grid.
    public var blocks: Double
    public var highBlocks: Double
    /// Median of the blocks until the choice was good for good.
    public var lastingBlocks: Double
    /// Share of the runs whose choice was good after a fifth of the points, and the median of its quality there.
    public var goodShareAtFifth: Double
    public var qualityAtFifth: Double
  }

  public let scores: [Score]

  /// - Parameter seeds: one run of each planner on each grid for each.
  public init(_ grids: [MeasuredGrid], seeds: Range<UInt64>, planners: [Planner] = Planner.allCases) {
    var scores: [Score] = []
    for planner in planners {
      var all: [Run] = []
      for grid in grids {
        let others = grids.filter { $0.name != grid.name }
        let runs = seeds.map { Run(Self.play(planner, grid, history: others, seed: $0), of: planner, on: grid) }
        scores.append(Self.score(planner, grid.name, runs))
        all += runs
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
    case .tpeOptuna:
      let search = TreeParzenSearch(grid, options: .optuna, using: &generator)
      return Replay.play(search, on: grid, using: &generator)
    case .tpeQuarter:
      let search = TreeParzenSearch(grid, options: .quarter, using: &generator)
      return Replay.play(search, on: grid, using: &generator)
    case .randomSearch, .fullGrid:
      let search = RandomSearch(grid, using: &generator)
      return Replay.play(search, on: grid, using: &generator)
    }
  }

  /// What is counted of one replay.
  private struct Run {
    let blocks: Double
    let lastingBlocks: Double
    let qualityAtFifth: Double

    init(_ replay: Replay, of planner: Planner, on grid: MeasuredGrid) {
      let all = grid.points.count
      let isFull = planner == .fullGrid
      blocks = Double(isFull ? all : replay.firstGood ?? all)
      lastingBlocks = Double(isFull ? all : replay.goodForGood ?? all)
      qualityAtFifth = isFull ? 0 : replay.quality(after: all / 5)
    }
  }

  private static func score(_ planner: Planner, _ grid: String?, _ runs: [Run]) -> Score {
    let blocks = runs.map(\.blocks).sorted()
    return Score(
      planner: planner, grid: grid, blocks: blocks.quantile(0.5), highBlocks: blocks.quantile(0.9),
      lastingBlocks: runs.map(\.lastingBlocks).sorted().quantile(0.5),
      goodShareAtFifth: Double(runs.count { $0.qualityAtFifth >= Replay.goodQuality }) / Double(max(1, runs.count)),
      qualityAtFifth: runs.map(\.qualityAtFifth).sorted().quantile(0.5))
  }
}

extension [Double] {
  /// Of sorted values, between the two nearest; 0 without any.
  fileprivate func quantile(_ share: Double) -> Double {
    guard !isEmpty else { return 0 }
    let place = share * Double(count - 1)
    let (lower, upper) = (Int(place), Swift.min(count - 1, Int(place) + 1))
    return self[lower] + (self[upper] - self[lower]) * (place - Double(lower))
  }
}

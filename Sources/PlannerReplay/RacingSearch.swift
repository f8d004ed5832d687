import Coordinator
import Selection
import Serving

/// The planner's own `Race`, driven over a grid.
public struct RacingSearch: GridSearch {
  private var race: Race
  private let places: [EngineConfiguration: Int]
  private let configurations: [EngineConfiguration]
  private var queue: ArraySlice<Int> = []
  private var ratios: [Int: PairedRatios] = [:]

  /// - Parameter history: grids of other models and workloads, from which a portfolio and a foresight are made; without
  ///   any the race begins with nothing known.
  public init(_ grid: MeasuredGrid, history: [MeasuredGrid] = []) {
    configurations = grid.points.map(\.configuration)
    places = Dictionary(uniqueKeysWithValues: configurations.enumerated().map { ($1, $0) })
    let known = KnownGrids(history)
    let candidates = configurations.map { Candidate(configuration: $0, fidelity: .exact) }
    let order = StartList(
      candidates.dropFirst().map { Entrant($0, foreseen: known.foresight(of: $0.configuration)) },
      portfolio: known.portfolio)
    race = Race(baseline: candidates[0], entrants: order.entrants, openingCount: order.openingCount)
  }

  public mutating func next() -> Int? {
    if queue.isEmpty, let heat = race.nextHeat(screens: true) {
      let places = heat.candidates.map { self.places[$0.configuration]! }
      queue = (0..<heat.rounds).flatMap { _ in places }[...]
    }
    return queue.popFirst()
  }

  public mutating func observe(_ point: Int, _ logSpeedup: Double?) {
    guard let logSpeedup else { return race.fail(configurations[point]) }
    ratios[point, default: PairedRatios(objective: .throughput)].add(logSpeedup: logSpeedup)
    race.record(configurations[point], ratios[point]!)
  }

  public var choice: Int { race.leader.map { places[$0.candidate.configuration]! } ?? 0 }
}

/// What grids of other contexts say of a configuration.
private struct KnownGrids {
  /// Spread of a configuration's gain between contexts before anything is known, and how many contexts it counts for.
  static let priorVariance = 0.3 * 0.3
  static let priorContexts = 2.0
  static let portfolioSize = 4

  let portfolio: [EngineConfiguration]
  private var gains: [EngineConfiguration: [Double]] = [:]

  init(_ grids: [MeasuredGrid]) {
    for grid in grids {
      for point in grid.points where !point.samples.isEmpty {
        gains[point.configuration, default: []].append(point.value)
      }
    }
    let configurations = grids.first?.points.map(\.configuration) ?? []
    let costs = grids.map { grid in
      let values = Dictionary(uniqueKeysWithValues: grid.points.map { ($0.configuration, $0.value) })
      return configurations.map { values[$0].flatMap { $0.isFinite ? -$0 : nil } }
    }
    portfolio = Portfolio.greedy(costs, size: Self.portfolioSize).map { configurations[$0] }
  }

  /// The mean over contexts, pulled to no gain, with the variance of a further context.
  func foresight(of configuration: EngineConfiguration) -> LogEstimate? {
    guard let values = gains[configuration], !values.isEmpty else { return nil }
    let count = Double(values.count)
    let mean = values.reduce(0, +) / (count + Self.priorContexts)
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    let spread = (squares + Self.priorContexts * Self.priorVariance) / (count + Self.priorContexts)
    return LogEstimate(mean: mean, variance: spread * (1 + 1 / (count + Self.priorContexts)))
  }
}

import PlannerReplay
import Serving
import Testing

/// Planners on grids whose law is known, and how their results are counted.
@Suite struct ReplayTests {
  @Test("The space has every combination once, the default first, and no point sets a knob twice")
  func space() {
    let points = SyntheticGrid.space.points
    #expect(points.count == 108 && SyntheticGrid.space.count == 108)
    #expect(Set(points).count == 108)
    #expect(points[0] == [0, 0, 0, 0, 0])
    #expect(SyntheticGrid.space.knobs(points[0]).isEmpty)
    #expect(Set(points.map(SyntheticGrid.space.knobs)).count == 108)
  }

  @Test("A measured block survives being written as a line and read again; a torn line is refused")
  func row() throws {
    let line = "7,1,dense,edit,llamacpp slot_count=4,completed,64,0.5,0.25,10.5,500.5,1700000000000,x 1,2,AMD"
    let row = try GridRow(parsing: line)
    #expect(row.line == line)
    #expect(row.cpuSeconds == 0.25 && row.trial == 7 && row.round == 1)
    #expect(throws: ApusError.self) { try GridRow(parsing: line.prefix(40)) }
    #expect(throws: ApusError.self) { try GridRow(parsing: line.replacing("0.25", with: "fast")) }
  }

  @Test("Quality is counted block by block: the first good choice, and the one that lasts")
  func counting() {
    let replay = Replay(qualities: [0.5, 0.96, 0.9, 0.97, 1])
    #expect(replay.firstGood == 2)
    #expect(replay.goodForGood == 4)
    #expect(replay.quality(after: 3) == 0.9)
    #expect(replay.quality(after: 99) == 1)
    #expect(Replay(qualities: [0.96, 0.5]).goodForGood == nil)
    #expect(Replay(qualities: [0.5]).firstGood == nil)
    #expect(Replay(qualities: [1]).goodForGood == 1)
  }

  @Test("Without noise every search that measures all points finds the best one", arguments: 1...5)
  func exhaustive(seed: UInt64) {
    let grid = SyntheticGrid.grid(noise: 0)
    var generator = SeededGenerator(seed: seed)
    let random = RandomSearch(grid, using: &generator)
    #expect(Replay.play(random, on: grid, using: &generator).qualities.last == 1)
    let parzen = TreeParzenSearch(grid, options: .optuna, using: &generator)
    let replay = Replay.play(parzen, on: grid, using: &generator)
    #expect(replay.qualities.last == 1)
    #expect(replay.qualities.count == grid.points.count - 1, "every point but the default, each once")
  }

  @Test("Parzen estimators learn: they need fewer blocks than random search")
  func parzenLearns() throws {
    let comparison = PlannerComparison(
      [SyntheticGrid.grid(noise: 0.05)], seeds: 0..<40, planners: [.randomSearch, .tpeOptuna])
    let random = try #require(comparison.overall(.randomSearch))
    let parzen = try #require(comparison.overall(.tpeOptuna))
    #expect(parzen.lastingBlocks < random.lastingBlocks, "\(parzen) \(random)")
  }

  @Test("The race needs a fifth of the grid at most, and fewer blocks than Parzen estimators")
  func raceIsFrugal() throws {
    let grids = [0.05, 0.1].enumerated().map { SyntheticGrid.grid(noise: $1, seed: UInt64($0 + 1)) }
    let comparison = PlannerComparison(
      grids, seeds: 0..<10, planners: [.race, .tpeOptuna, .tpeQuarter])
    let race = try #require(comparison.overall(.race))
    #expect(race.qualityAtFifth >= 0.95 && race.goodShareAtFifth >= 0.8, "\(race)")
    for planner in PlannerComparison.Planner.allCases where planner.isTPE {
      let parzen = try #require(comparison.overall(planner))
      #expect(race.blocks < parzen.blocks, "\(race) \(parzen)")
    }
  }

  @Test("Equal seeds give equal replays")
  func reproducible() {
    let grid = SyntheticGrid.grid(noise: 0.1)
    let runs = (0..<2).map { _ in
      var generator = SeededGenerator(seed: 5)
      return Replay.play(RacingSearch(grid), on: grid, using: &generator).qualities
    }
    #expect(runs[0] == runs[1])
  }
}

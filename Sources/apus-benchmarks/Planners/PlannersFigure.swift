import ArgumentParser
import Foundation
import PlannerReplay
import Serving

/// How many measured blocks each planner needs to find a good configuration, replayed on really measured grids.
struct PlannersFigure: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "planners", abstract: "Trial planners compared on grids that were measured once on the real engine.")

  @Option(help: "File made by `apus-benchmarks grid`.") var grid: String
  @Option(help: "Runs of each planner on each grid.") var seeds: UInt64 = 100
  @Option(help: "cpu (engine CPU time for each token) or wall.") var figure = "cpu"
  @Flag(help: "Show every grid, not only all together.") var each = false
  @Flag(help: "Take what was measured of each configuration for the truth, luck included.") var raw = false
  @Flag(help: "Print one JSON object.") var json = false

  func validate() throws {
    guard seeds > 0, MeasuredGrid.Figure(rawValue: figure) != nil else {
      throw ValidationError("give at least one seed, and cpu or wall as --figure")
    }
  }

  func run() throws {
    let grids = try MeasuredGrid.read(grid, by: MeasuredGrid.Figure(rawValue: figure)!, isRaw: raw)
    guard !grids.isEmpty else {
      throw ApusError(.badInput, "\(grid) holds no blocks", advice: "measure some with `apus-benchmarks grid`")
    }
    let comparison = PlannerComparison(grids, seeds: 0..<seeds)
    var report = FigureReport(figure: "planners", method: Self.method(grids, seeds, figure, raw))
    let fifth = Double(grids.map(\.points.count).min()! / 5)
    for score in comparison.scores where each || score.grid == nil {
      let name = score.planner.rawValue + (score.grid.map { ", \($0)" } ?? "")
      let key = Self.key(name)
      let isOurs = score.planner == .race || score.planner == .raceWithHistory
      report.add(
        "\(key)_blocks", "\(name): blocks to 95%", score.blocks, "", target: isOurs && score.grid == nil ? fifth : nil)
      guard score.planner != .fullGrid else { continue }
      report.add("\(key)_p90_blocks", "\(name): blocks to 95%, p90", score.highBlocks, "")
      report.add("\(key)_lasting_blocks", "\(name): blocks to 95% for good", score.lastingBlocks, "")
      report.add("\(key)_good_percent", "\(name): runs with 95% at a fifth", 100 * score.goodShareAtFifth, "%")
    }
    report.print(asJSON: json)
  }

  private static func key(_ name: String) -> String {
    let words = name.lowercased().map { $0.isLetter || $0.isNumber ? $0 : " " }
    return String(words).split(separator: " ").joined(separator: "_")
  }

  private static func method(_ grids: [MeasuredGrid], _ seeds: UInt64, _ figure: String, _ isRaw: Bool) -> [String] {
    let shapes = grids.map { grid in
      let repeats = grid.points.dropFirst().map(\.samples.count)
      let noise = grid.noise.map { String(format: "%.0f%%", 100 * $0) } ?? "unknown"
      return
        "\(grid.name): \(grid.points.count) configurations, \(repeats.min() ?? 0) to \(repeats.max() ?? 0) repeats, "
        + String(format: "best %.2fx the default, ", exp(grid.bestValue)) + "one repeat spreads by \(noise)"
    }
    return [
      "replayed, nothing is run: a block gives one stored repeat of its configuration, in random order",
      "the value of a repeat is the ratio to the default's block of the same round (same prompts, within about a minute), by "
        + (figure == "cpu" ? "the engine's CPU seconds for each output token" : "wall seconds for each output token")
        + "; the truth of a configuration is its effect in a two-way layout of configurations and rounds"
        + (isRaw
          ? "" : ", of which what pairs and more of settings do together is kept as far as it is above the noise"),
      "blocks to 95%: until what the planner would choose had at least 95% of the best speed of the grid; median and p90 over "
        + "\(seeds) seeds and all grids, a run that never got there counts as the whole grid; the default's own blocks are not "
        + "counted for anybody",
      "a fifth: after a fifth as many blocks as the grid has configurations",
      "the full grid chooses when it has measured every configuration once",
      "history: portfolio and foresight come from the other grids, never from the one that is played",
    ] + shapes
  }
}

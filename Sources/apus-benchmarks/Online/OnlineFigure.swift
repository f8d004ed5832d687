import ArgumentParser
import Coordinator
import Foundation
import Learning
import Selection
import Serving

/// What learning online is worth: exploring against none on a pool that changes, and forecasts for a new node.
struct OnlineFigure: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "online", abstract: "Regret with and without exploring on a drifting pool, and few-shot forecasts.")

  @Option(help: "Jobs of each run on the drifting pool.") var jobs = 4500
  @Option(help: "Seeds, each its own world.") var seeds = 10
  @Option(help: "Worlds that are worked on at once.") var threads = ProcessInfo.processInfo.activeProcessorCount
  @Flag(help: "Print one JSON object.") var json = false

  private static let shares = [0, 0.05, 0.2]

  func validate() throws {
    guard jobs >= 300, seeds >= 1 else { throw ValidationError("give at least 300 jobs and 1 seed") }
    guard (1...1024).contains(threads) else { throw ValidationError("--threads is 1 to 1024, not \(threads)") }
  }

  func run() throws {
    var report = FigureReport(figure: "online", method: [])
    let worlds = (1...seeds).map { UInt64($0) }
    let names = ["before", "after one node slowed to half", "after new engine versions"]
    for share in Self.shares {
      let jobCount = jobs
      let runs = try each(worlds) {
        try DriftingPool(seed: $0, jobCount: jobCount, policy: ExplorationPolicy(share: share)).run()
      }
      func mean(_ value: (DriftingPool.Outcome) -> Double) -> Double {
        runs.reduce(0) { $0 + value($1) } / Double(runs.count)
      }
      let key = "share_\(Int(100 * share))pct"
      let label = "exploring \(Int(100 * share))%"
      for (third, name) in names.enumerated() {
        report.add(
          "\(key)_regret_\(third)_pct", "\(label): regret \(name)", 100 * (exp(mean { $0.regrets[third] }) - 1), "%")
        report.add(
          "\(key)_settled_\(third)_pct", "  in its last quarter",
          100 * (exp(mean { $0.settledRegrets[third] }) - 1), "%")
      }
      report.add("\(key)_explored_pct", "  jobs that explored", 100 * mean(\.exploredShare), "%", target: 100 * share)
      report.add(
        "\(key)_slowdown_p95", "  95% of them took at most, over the best choice", mean(\.explorationSlowdown), "x")
      let told = runs.compactMap(\.outcomesUntilTold)
      if let most = told.max() {
        report.add(
          "\(key)_outcomes_until_told", "  outcomes until the drift was told, most", Double(most), "", target: 50)
      }
      report.add(
        "\(key)_drift_missed", "  runs in which it was not told", Double(runs.count - told.count), "", target: 0)
      report.add(
        "\(key)_false_alarms", "  false alarms before it, all runs", Double(runs.reduce(0) { $0 + $1.falseAlarms }), "")
    }
    let shots = try each(worlds) { try FewShot(seed: $0).errors() }
    for (place, count) in FewShot.counts.enumerated() {
      report.add(
        "roofline_error_after_\(count)", "error on a new node after \(count) jobs, roofline",
        exp(Percentiles(shots.map { $0.roofline[place] }).p50), "x")
      report.add(
        "trained_error_after_\(count)", "  trained selector", exp(Percentiles(shots.map { $0.trained[place] }).p50), "x"
      )
    }
    report.method = [
      "synthetic worlds, seeds 1 to \(seeds): a request costs its roofline times hidden factors, log-normal with deviations of "
        + "\(OnlineWorld.ofNode) for the node, \(OnlineWorld.ofModel) for a model on it, \(OnlineWorld.ofWorkload) for a length "
        + "and \(OnlineWorld.ofStrategy) for each strategy there, and \(OnlineWorld.noise) between requests",
      "the pool: 3 nodes, \(jobs) jobs of 4 lengths, one model; the selector was trained on a benchmark of two other "
        + "models; routes are ranked anew every \(DriftingPool.rankingInterval) jobs by the coordinator's code and the selector "
        + "trained anew every \(DriftingPool.trainingInterval); no queues, engines loaded",
      "regret: mean logarithm of a job's true time over that of the best strategy on the best node then, exploring jobs "
        + "included, as a percentage; a third of the jobs each before, after the most used node slowed to half, and after "
        + "all engines changed version and with it all strategies' factors",
      "few-shot: trained on 4 models on two nodes, jobs of one model on a node of a third kind; the median over three other "
        + "models in all workloads of one stream, of foreseen over true time or its inverse; the median over seeds",
    ]
    report.print(asJSON: json)
  }

  /// What `body` gives of each world, in their order.
  private func each<Value: Sendable>(
    _ worlds: [UInt64], _ body: @escaping @Sendable (UInt64) throws -> Value
  ) throws -> [Value] {
    try ParallelLoop.map(count: worlds.count, threadCount: threads) { place in Result { try body(worlds[place]) } }
      .map { try $0.get() }
  }
}

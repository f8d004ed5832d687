import ArgumentParser
import ExpertPlacement
import Foundation
import PlacementSimulation
import Serving

/// How quickly and how well experts are placed, how well placements are chosen, and what caches of experts hit.
struct PlacementFigure: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "placement", abstract: "Placements of experts: planning time, balance, choice, caches.")

  @Option(help: "Folder with recorded loads (*.csv) and traces (*.ids.u8); generated ones where there is none.")
  var data = "../shared/data/moe"
  @Option(help: "Generated clusters that placements are chosen for; 0 leaves this out.") var cases = 1000
  @Option(help: "Of the generated clusters.") var seed: UInt64 = 2026
  @Flag(help: "Print one JSON object.") var json = false

  func validate() throws {
    guard cases == 0 || cases >= 100 else { throw ValidationError("--cases \(cases) is neither 0 nor at least 100") }
  }

  func run() throws {
    let loads = try PlacementData.loads(data)
    let traces = try PlacementData.traces(data)
    var report = FigureReport(
      figure: "placement",
      method: [
        "EPLB: \(loads.source), 288 slots on 32 hosts; CPU time of one thread, median of 5 for each, the slowest shown",
        "lpt: \(traces.source), 8 equal hosts with room for 8 of 64 experts each; busiest host over the larger of mean and hottest expert",
        "caches: the first 2,000 tokens in batches of 8 as they come, every layer with a cache of its own",
      ])
    try planning(loads.recordings, &report)
    try packing(traces.recordings, &report)
    try caches(traces.recordings, &report)
    if cases > 0 { try choosing(traces, &report) }
    report.print(asJSON: json)
  }

  // MARK: Figures

  private func planning(_ loads: [(name: String, load: ExpertLoad)], _ report: inout FigureReport) throws {
    var (slowest, least) = (0.0, 1.0)
    for (_, load) in loads {
      let problem = try PlacementProblem(load: load, cluster: .equal(hostCount: 32, slotCount: 288))
      var times: [Double] = []
      for _ in 0..<5 {
        let start = Self.cpuMS
        let plan = try EPLB().plan(problem)
        times.append(Self.cpuMS - start)
        least = min(least, Balancedness(plan, load: load, cluster: problem.cluster).mean)
      }
      slowest = max(slowest, Percentiles(times).p50)
    }
    report.add("eplb_plan_cpu_ms", "EPLB, 58 layers x 256 experts: planning, CPU", slowest, "ms", target: 10)
    report.add("eplb_balancedness_min", "its balancedness, mean over layers, worst load", least, "", floor: 0.99)
  }

  private func packing(_ traces: [(task: String, trace: RoutingTrace)], _ report: inout FigureReport) throws {
    let strategy = try PlacementStrategies.named("lpt")
    var ratios: [Double] = []
    for (_, trace) in traces where trace.expertCount == 64 {
      let load = trace.load
      let plan = try strategy.plan(PlacementProblem(load: load, cluster: .equal(hostCount: 8, slotCount: 64)))
      for layer in 0..<load.layerCount {
        let hosts = Balancedness.hostLoads(plan.layers[layer], load.layer(layer), hostCount: 8)
        let bound = max(load.layer(layer).reduce(0, +) / 8, load.layer(layer).max() ?? 0)
        ratios.append((hosts.max() ?? 0) / bound)
      }
    }
    let mean = ratios.reduce(0, +) / Double(ratios.count)
    report.add(
      "lpt_over_bound_percent", "lpt, 64 experts on 8 hosts: over the bound", 100 * (mean - 1), "%", target: 0.5)
  }

  private func caches(_ traces: [(task: String, trace: RoutingTrace)], _ report: inout FigureReport) throws {
    for (task, trace) in traces {
      let routes = trace.selecting(tokens: 0..<min(2000, trace.tokenCount))
      let batches = TokenBatches.inOrder(tokenCount: routes.tokenCount, batchSize: 8)
      for policy in ExpertCachePolicies.all {
        let replay = ExpertCacheReplay(routes, batches: batches, policy: policy, capacity: trace.expertCount / 2)
        report.add(
          "cache_\(task)_\(policy.name)_hit_percent", "cache of half the experts, \(task), \(policy.name)",
          100 * replay.hitRate, "%")
      }
    }
  }

  private func choosing(_ traces: PlacementData.Traces, _ report: inout FigureReport) throws {
    let study = try SelectionStudy(
      recorded: traces.isRecorded ? traces.recordings : [], caseCount: cases, seed: seed)
    report.method += [
      "choice: \(study.caseCount) generated clusters of \(SelectionStudy.hardwareCount) kinds, tasks of \(traces.source) and generated ones; the true time of a plan is the mean of 24 batches in an event simulation with queues at hub, links and hosts, other work, and hidden parameters that are log-normally off (sigma 0.3); planned on one half of the tokens, judged on the last quarter",
      "slowdown: geometric mean of the chosen plan's true time over the best of \(SelectionStudy.strategyCount) strategies, always trained on other clusters; held-out tasks and hardware: on none of that task or kind",
      "a race measures at most 3 plans for at most 6 batches, on tokens that are not judged on",
    ]
    for split in SelectionStudy.Split.allCases {
      let score = try study.score(split)
      let (key, words) = (split.rawValue, split.words)
      if split == .random {
        report.add(
          "best_fixed_slowdown", "best fixed strategy (\(score.bestFixed.strategy))", score.bestFixed.slowdown, "x")
        report.add("cost_model_slowdown", "cost model alone", score.analytic, "x")
      }
      report.add("\(key)_learned_slowdown", "\(words): cost model and residual", score.learned, "x")
      report.add(
        "\(key)_raced_slowdown", "\(words): and a race of three", score.raced, "x",
        target: split == .hardware ? 1.035 : 1.03)
      report.add("\(key)_worst_slowdown", "\(words): the worst part (\(score.worst.part))", score.worst.slowdown, "x")
      report.add("\(key)_batches", "\(words): batches measured for a choice", score.batchesPerRace, "")
    }
  }

  private static var cpuMS: Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) * 1e3 + Double(time.tv_nsec) / 1e6
  }
}

extension SelectionStudy.Split {
  fileprivate var words: String {
    switch self {
    case .random: "other clusters"
    case .tasks: "held-out tasks"
    case .hardware: "held-out hardware"
    }
  }
}

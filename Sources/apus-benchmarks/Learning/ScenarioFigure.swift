import ArgumentParser
import Foundation
import Learning
import Serving

/// What evaluating the default selector on a scenario costs.
struct ScenarioFigure: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scenario", abstract: "Time and memory of the default selector on the ten folds of a scenario.")

  @Option(help: "Instances of the scenario.") var instances = 300
  @Option(help: "Algorithms of the scenario.") var algorithms = 20
  @Option(help: "Features of an instance.") var features = 50
  @Option(help: "Folds that are trained on at once.") var threads = 2
  @Option(help: "Seed of the scenario.") var seed: UInt64 = 1
  @Flag(help: "Print one JSON object.") var json = false

  private static let folds = 10
  private static let cutoff = 5000.0

  func validate() throws {
    guard (20...100_000).contains(instances), (2...1000).contains(algorithms), (1...1000).contains(features),
      (1...1024).contains(threads)
    else {
      throw ValidationError("give 20 to 100000 instances, 2 to 1000 algorithms, 1 to 1000 features, 1 to 1024 threads")
    }
  }

  func run() throws {
    var report = FigureReport(figure: "scenario", method: [])
    let scenario = scenario()
    let own = ProcessInfo.processInfo.processIdentifier
    let (start, startCPU) = (ContinuousClock.now, try ProcessFigures.cpuSeconds(of: own))
    let score = ScenarioEvaluation(scenario).scores(
      [TableSelectorCatalogue.defaultSelector], seeds: [seed], threadCount: threads)[0]
    report.add("folds_s", "ten folds of the default selector", (.now - start) / .seconds(1), "s", target: 60)
    report.add("folds_cpu_s", "  CPU", try ProcessFigures.cpuSeconds(of: own) - startCPU, "s")
    report.add(
      "peak_mib", "  most memory of the process",
      Double(try ProcessFigures.memory(of: own).peakBytes) / 1_048_576, "MiB", target: 1024)
    if let mean = score.mean { report.add("npar10", "  nPAR10 there, 1 is the single best", mean, "") }
    report.method = [
      "ScenarioEvaluation of `\(score.selector)` on a generated scenario: \(instances) instances with \(features) features, "
        + "\(algorithms) algorithms, seed \(seed), \(threads) folds at once",
      "each algorithm's log run time is linear in five features of its own, with noise of 1, and cut off at "
        + "\(Int(Self.cutoff)) s",
    ]
    report.print(asJSON: json)
  }

  private func scenario() -> ASlibScenario {
    var generator = SeededGenerator(seed: seed)
    let values = (0..<instances * features).map { _ in Float.random(in: -1...1, using: &generator) }
    let laws = (0..<algorithms).map { _ in
      (0..<5).map { _ -> (feature: Int, weight: Double) in
        (Int.random(in: 0..<features, using: &generator), Double.random(in: -3...3, using: &generator))
      }
    }
    var (costs, isCensored): ([Double], [Bool]) = ([], [])
    for instance in 0..<instances {
      for law in laws {
        // The sum of twelve uniform numbers has a variance of 1 about its mean of 6.
        var log = 4.0 - 6.0
        for _ in 0..<12 { log += Double.random(in: 0...1, using: &generator) }
        for (feature, weight) in law { log += weight * Double(values[instance * features + feature]) }
        let seconds = exp(log)
        costs.append(min(seconds, Self.cutoff))
        isCensored.append(seconds >= Self.cutoff)
      }
    }
    let table = SelectionTable(
      instances: FeatureMatrix(
        columns: (0..<features).map { "f\($0)" }, values: values, rowCount: instances),
      algorithms: .empty(rowCount: algorithms), algorithmNames: (0..<algorithms).map { "a\($0)" },
      kind: .runTime(cutoff: Self.cutoff), costs: costs, isCensored: isCensored)
    return ASlibScenario(
      name: "generated", table: table,
      folds: Folds(assignment: (0..<instances).map { $0 % Self.folds }, count: Self.folds))
  }
}

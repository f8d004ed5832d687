import ArgumentParser
import Foundation
import Selection
import Serving

/// What training the coordinator's selector costs.
struct TrainingFigure: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "training", abstract: "Time and memory of training the selector on a large history.")

  @Option(help: "Measurements in the history.") var rows = 100_000
  @Option(help: "Parts of the training that run at once.") var threads = 2
  @Option(help: "Workloads of each model on each machine; the more, the more contexts share the measurements.")
  var workloads = 400
  @Option(help: "What the selector learns with.") var regressor = RegressorChoice.served
  @Option(help: "Seed of the history.") var seed: UInt64 = 1
  @Flag(help: "Print one JSON object.") var json = false

  private static let mostWorkloads = 10_000

  func validate() throws {
    guard rows >= SelectorTrainer.leastMeasurements, (1...1024).contains(threads),
      (1...Self.mostWorkloads).contains(workloads)
    else {
      throw ValidationError(
        "give at least \(SelectorTrainer.leastMeasurements) rows, 1 to 1024 threads, 1 to \(Self.mostWorkloads) workloads"
      )
    }
  }

  func run() throws {
    var report = FigureReport(figure: "training", method: [])
    var history = SyntheticHistory(seed: seed, workloads: shapes)
    let measurements = history.measurements(rows)
    let own = ProcessInfo.processInfo.processIdentifier
    let before = try ProcessFigures.memory(of: own)
    let (start, startCPU) = (ContinuousClock.now, try ProcessFigures.cpuSeconds(of: own))
    let file = try SelectorTrainer.train(
      measurements, models: SyntheticHistory.models, members: regressor.members, threadCount: threads)
    let seconds = (.now - start) / .seconds(1)
    let after = try ProcessFigures.memory(of: own)
    report.add("train_s", "training on \(measurements.count) measurements", seconds, "s", target: 20)
    report.add("train_cpu_s", "  CPU", try ProcessFigures.cpuSeconds(of: own) - startCPU, "s")
    report.add(
      "peak_mib", "  most memory of the process, its history included", Double(after.peakBytes) / 1_048_576, "MiB",
      target: 1024)
    report.add("history_mib", "  memory before the training", Double(before.residentBytes) / 1_048_576, "MiB")
    report.add("model_kib", "  the selector's file", Double(file.bytes.count) / 1024, "KiB")
    report.method = [
      "SelectorTrainer.train on \(measurements.count) synthetic measurements with seed \(seed), in this process, \(threads) parts "
        + "at once; \(file.model.contextCount) contexts with ratios: 4 models on 3 machines in \(workloads) workloads, the "
        + "default and nine candidates in two rounds each time",
      regressor.sentence,
      "what it takes to read measurements from a history's file is not in it",
    ]
    report.print(asJSON: json)
  }

  /// All different: lengths that users have.
  private var shapes: [Workload] {
    var generator = SeededGenerator(seed: seed)
    return (0..<workloads).map { number in
      let (prompt, output) = (Int.random(in: 16...4000, using: &generator), Int.random(in: 16...400, using: &generator))
      return Workload(
        name: "shape-\(number)", promptTokens: prompt...prompt, outputTokens: output...output,
        concurrency: 1 << Int.random(in: 0...3, using: &generator),
        sharedPrefixShare: Double(Int.random(in: 0...3, using: &generator)) / 4,
        repetitiveness: Double(Int.random(in: 0...2, using: &generator)) / 2, requestCount: 4)
    }
  }
}

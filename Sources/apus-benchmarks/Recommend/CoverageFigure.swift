import ArgumentParser
import Foundation
import Selection
import Serving

/// Whether 90% intervals hold 90% of what is measured where nothing was known before.
struct CoverageFigure: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "coverage", abstract: "Share of held-out measurements that lie within their 90% intervals.",
    discussion: """
      --table takes a CSV of ../shared/data/perf's columns with TTFT, TPOT and E2E; without the option the table
      ../shared/data/perf/aic_silicon_e2e.csv is read where it is, and its part is skipped where it is not.
      """)

  @Option(help: "Histories, each with its own seed and its own held-out contexts.") var repetitions = 10
  @Option(help: "Seed of the first history.") var seed: UInt64 = 1
  @Option(help: "A table of real measurements.") var table: String?
  @Flag(help: "Print one JSON object.") var json = false

  /// Nominal 90%, 3 points either way.
  private static let wanted = 0.87...0.93

  func validate() throws {
    guard repetitions > 0 else { throw ValidationError("--repetitions is at least 1, not \(repetitions)") }
  }

  func run() throws {
    var report = FigureReport(
      figure: "coverage",
      method: [
        "a share is how many of the held-out (context, configuration) pairs were measured, as the geometric mean of their "
          + "blocks, within the 90% interval of the recommendation; a factor f says that an interval goes on average from "
          + "the prediction / f to the prediction x f",
        "synthetic: \(repetitions) histories from seed \(seed), each of \(VariedHistory.modelCount) models on "
          + "\(VariedHistory.machineCount) machines, \(VariedHistory.workloadsPerPair) workloads on each, the default and "
          + "\(VariedHistory.candidatesPerContext) candidates in 2 trials of 2 rounds; models, machines, contexts, settings "
          + "and their combinations have random factors that no feature tells",
        "left out of the training, once each for each history: a fifth of the contexts (known), a fifth of the machines "
          + "(new hardware), a fifth of the models (new model); measured: the later trial of every context, foreseen after "
          + "the earlier one",
        "the best is the best measured one, luck included; a context's choice is what the recommendation says to run now",
      ])
    var checks: [Setting: IntervalCheck] = [:]
    for repetition in 0..<repetitions {
      try addSynthetic(seed + UInt64(repetition), to: &checks)
    }
    add(checks, to: &report, named: "synthetic", wanted: Self.wanted)
    try addTable(to: &report)
    report.print(asJSON: json)
  }

  private enum Setting: String, CaseIterable {
    case known
    case newHardware = "new hardware"
    case newModel = "new model"
    case measured
  }

  private func addSynthetic(_ seed: UInt64, to checks: inout [Setting: IntervalCheck]) throws {
    var history = VariedHistory(seed: seed)
    let earlier = history.contexts.map { history.trial($0) }
    let later = history.contexts.map { history.trial($0) }
    let both = zip(earlier, later).map { $0 + $1 }
    for (setting, isLeft) in leaveOut(history.contexts.map { ($0.model.id.rawValue, $0.hardware.fingerprint) }, seed) {
      try check(
        training: both.indices.filter { !isLeft[$0] }.flatMap { both[$0] },
        heldOut: both.indices.filter { isLeft[$0] }.flatMap { both[$0] }, models: history.models,
        &checks[setting, default: IntervalCheck()])
    }
    // Every second context was measured in two trials before: those say how far a later trial lies from earlier ones.
    let third = history.contexts.map { history.trial($0) }
    try check(
      training: both.indices.flatMap { $0.isMultiple(of: 2) ? both[$0] : earlier[$0] },
      heldOut: both.indices.flatMap { $0.isMultiple(of: 2) ? third[$0] : later[$0] }, models: history.models,
      &checks[.measured, default: IntervalCheck()])
  }

  /// For each setting which contexts leave: a fifth of all, of the machines, of the models.
  private func leaveOut(_ contexts: [(model: String, hardware: String)], _ seed: UInt64) -> [(Setting, [Bool])] {
    var generator = SeededGenerator(seed: seed)
    func fifth(_ names: [String]) -> Set<String> {
      let distinct = Set(names).sorted().shuffled(using: &generator)
      return Set(distinct.prefix(max(1, distinct.count / 5)))
    }
    let numbers = contexts.indices.map { String($0) }
    let leaving = (fifth(numbers), fifth(contexts.map(\.hardware)), fifth(contexts.map(\.model)))
    return [
      (.known, numbers.map(leaving.0.contains)), (.newHardware, contexts.map { leaving.1.contains($0.hardware) }),
      (.newModel, contexts.map { leaving.2.contains($0.model) }),
    ]
  }

  private func check(
    training: [Serving.Measurement], heldOut: [Serving.Measurement], models: [ModelProfile],
    _ check: inout IntervalCheck
  ) throws {
    let file = try SelectorTrainer.train(training, models: models, threadCount: 2)
    var evidence = EvidenceIndex()
    for measurement in training { evidence.insert(measurement) }
    check.add(Recommender(model: file.model, evidence: evidence), heldOut, models: models)
  }

  private func addTable(to report: inout FigureReport) throws {
    let path = table ?? "../shared/data/perf/aic_silicon_e2e.csv"
    guard FileManager.default.fileExists(atPath: path) else {
      if table != nil { throw ApusError(.badInput, "\(path): cannot be read", advice: "name a CSV file that exists") }
      report.skipped.append("the table of real measurements: \(path) is not there")
      return
    }
    let measurements = try PerformanceTable.measurements(path)
    let names = measurements.map { (model: $0.model.id.rawValue, hardware: $0.hardware.fingerprint) }
    let contexts = measurements.indices.map {
      "\(names[$0].model)|\(names[$0].hardware)|\(measurements[$0].workload.shape)"
    }
    let distinct = Set(contexts).sorted()
    let place = Dictionary(uniqueKeysWithValues: distinct.enumerated().map { ($1, $0) })
    var described = [(model: String, hardware: String)](repeating: ("", ""), count: distinct.count)
    for (context, name) in zip(contexts, names) { described[place[context]!] = name }
    var checks: [Setting: IntervalCheck] = [:]
    for repetition in 0..<repetitions {
      for (setting, isLeft) in leaveOut(described, seed + UInt64(repetition)) {
        try check(
          training: measurements.indices.filter { !isLeft[place[contexts[$0]]!] }.map { measurements[$0] },
          heldOut: measurements.indices.filter { isLeft[place[contexts[$0]]!] }.map { measurements[$0] }, models: [],
          &checks[setting, default: IntervalCheck()])
      }
    }
    add(checks, to: &report, named: "table", wanted: nil)
    report.method.append(
      "table: \(measurements.count) rows of \(URL(filePath: path).lastPathComponent) in \(distinct.count) contexts of "
        + "\(Set(names.map(\.model)).count) models (a precision is a model of its own) and "
        + "\(Set(names.map(\.hardware)).count) machines, left out as above; few models and machines make what is measured "
        + "with new ones vary much between repetitions")
  }

  private func add(
    _ checks: [Setting: IntervalCheck], to report: inout FigureReport, named name: String, wanted: ClosedRange<Double>?
  ) {
    for setting in Setting.allCases {
      guard let counts = checks[setting]?.counts else { continue }
      let key = "\(name)_\(setting.rawValue.replacing(" ", with: "_"))"
      for metric in IntervalMetric.allCases {
        guard let count = counts[metric] else { continue }
        report.add(
          "\(key)_\(metric.rawValue)_share", "\(name), \(setting.rawValue), \(metric.rawValue): share inside",
          count.share, "of \(count.total)", target: wanted?.upperBound, floor: wanted?.lowerBound)
        report.add(
          "\(key)_\(metric.rawValue)_factor", "\(name), \(setting.rawValue), \(metric.rawValue): half width as factor",
          count.factor, "x")
      }
      guard let choices = checks[setting]?.choices, choices.count > 0 else { continue }
      let label = "\(name), \(setting.rawValue): choice within 5% of the best"
      report.add("\(key)_confidence", label + ", foreseen", choices.foreseen / Double(choices.count), "")
      report.add(
        "\(key)_nearly_best_share", label + ", measured", Double(choices.kept) / Double(choices.count),
        "of \(choices.count)")
    }
  }
}

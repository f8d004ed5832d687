import ArgumentParser
import Foundation
import Learning
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
  @Option(help: "What the selector learns with.") var regressor = RegressorChoice.served
  @Option(help: "Histories that are worked on at once.") var threads = ProcessInfo.processInfo.activeProcessorCount
  @Flag(help: "Print one JSON object.") var json = false

  /// Nominal 90%, 3 points either way.
  private static let wanted = 0.87...0.93
  /// Of each history.
  private static let (modelCount, machineCount) = (10, 8)

  func validate() throws {
    guard repetitions > 0 else { throw ValidationError("--repetitions is at least 1, not \(repetitions)") }
    guard (1...1024).contains(threads) else { throw ValidationError("--threads is 1 to 1024, not \(threads)") }
  }

  func run() throws {
    let members = regressor.members
    var report = FigureReport(
      figure: "coverage",
      method: [
        "a share is how many of the held-out (context, configuration) pairs were measured, as the geometric mean of their "
          + "blocks, within the 90% interval of the recommendation, with its standard error over the histories (pairs of one "
          + "history are missed together); a factor f says that an interval goes on average from the prediction / f to the "
          + "prediction x f",
        "synthetic: \(repetitions) histories from seed \(seed), each of \(Self.modelCount) models on "
          + "\(Self.machineCount) machines, \(VariedHistory.workloadsPerPair) workloads on each, the default and "
          + "\(VariedHistory.candidatesPerContext) candidates in a trial of 2 rounds, every second context in two; models, "
          + "machines, contexts, settings and their combinations have random factors that no feature tells",
        "asked about, for every pair of a model and a machine: one more workload (known), the model on a new machine (new "
          + "hardware), a new model on the machine (new model), and that model on that machine (new model and hardware), each "
          + "in two trials; measured: one more trial of every context of the history",
        regressor.sentence,
        "the best is the best measured one, luck included; a context's choice is what the recommendation says to run now",
      ])
    let checks = try each { try Self.synthetic(seed: $0, members) }
    add(checks, to: &report, named: "synthetic", wanted: Self.wanted)
    try addTable(to: &report)
    report.print(asJSON: json)
  }

  /// The checks of each repetition. A training takes seconds on one thread, and does not get faster on two as long as
  /// there are others to do.
  private func each(
    _ body: @escaping @Sendable (_ seed: UInt64) throws -> [HeldOutPart: IntervalCheck]
  ) throws -> [[HeldOutPart: IntervalCheck]] {
    let first = seed
    return try ParallelLoop.map(count: repetitions, threadCount: threads) { repetition in
      Result { try body(first + UInt64(repetition)) }
    }.map { try $0.get() }
  }

  private static func synthetic(
    seed: UInt64, _ members: [BlendedRegressor.Member]
  ) throws -> [HeldOutPart: IntervalCheck] {
    var history = VariedHistory(seed: seed, modelCount: modelCount, machineCount: machineCount)
    let earlier = history.contexts.map { history.trial($0) }
    let later = history.contexts.map { history.trial($0) }
    // Every second context was measured in two trials: those say how far a later trial lies from earlier ones.
    var asked = [HeldOutPart.measured: history.contexts.flatMap { history.trial($0) }]
    // Another seed than any history's, or the same models and machines would come again.
    let strangers = history.strangers(seed: ~seed)
    for (part, contexts) in strangers.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      asked[part] = contexts.flatMap { history.trial($0) + history.trial($0) }
    }
    let answers = try Answers(
      training: earlier.indices.flatMap { $0.isMultiple(of: 2) ? earlier[$0] + later[$0] : earlier[$0] },
      models: history.models, members)
    return asked.mapValues(answers.check)
  }

  /// What a trained selector says.
  private struct Answers {
    let recommender: Recommender
    let models: [ModelProfile]

    init(
      training: [Serving.Measurement], models: [ModelProfile], _ members: [BlendedRegressor.Member]
    ) throws {
      var evidence = EvidenceIndex()
      for measurement in training { evidence.insert(measurement) }
      let model = try SelectorTrainer.train(training, models: models, members: members).model
      recommender = Recommender(model: model, evidence: evidence)
      self.models = models
    }

    func check(_ measured: [Serving.Measurement]) -> IntervalCheck {
      var check = IntervalCheck()
      check.add(recommender, measured, models: models)
      return check
    }
  }

  private func addTable(to report: inout FigureReport) throws {
    let path = table ?? "../shared/data/perf/aic_silicon_e2e.csv"
    guard FileManager.default.fileExists(atPath: path) else {
      if table != nil { throw ApusError(.badInput, "\(path): cannot be read", advice: "name a CSV file that exists") }
      report.skipped.append("the table of real measurements: \(path) is not there")
      return
    }
    let measurements = try PerformanceTable.measurements(path)
    // A model leaves in all its precisions, a kind of device however many there are of it.
    let names = measurements.map { (model: $0.model.variantGroup, hardware: $0.hardware.kind) }
    let contexts = measurements.map { "\($0.model.id)|\($0.hardware.fingerprint)|\($0.workload.shape)" }
    let distinct = Set(contexts).sorted()
    let place = Dictionary(uniqueKeysWithValues: distinct.enumerated().map { ($1, $0) })
    let known = Dictionary(zip(contexts, names)) { first, _ in first }
    let isIn = contexts.map { place[$0]! }
    let described = distinct.map { known[$0]! }
    let members = regressor.members
    let checks = try each { seed in
      try Dictionary(
        uniqueKeysWithValues: HeldOutPart.leaveOut(described, seed: seed).map { part, isLeft, isAsked in
          let answers = try Answers(
            training: measurements.indices.filter { !isLeft[isIn[$0]] }.map { measurements[$0] }, models: [], members)
          return (part, answers.check(measurements.indices.filter { isAsked[isIn[$0]] }.map { measurements[$0] }))
        })
    }
    add(checks, to: &report, named: "table", wanted: nil)
    report.method.append(
      "table: \(measurements.count) rows of \(URL(filePath: path).lastPathComponent) in \(distinct.count) contexts of "
        + "\(Set(names.map(\.model)).count) models (left out in all precisions) and \(Set(names.map(\.hardware)).count) "
        + "kinds of devices (in all numbers of them), left out as above; few of both make what is measured with new ones "
        + "vary much between repetitions")
  }

  private func add(
    _ checks: [[HeldOutPart: IntervalCheck]], to report: inout FigureReport, named name: String,
    wanted: ClosedRange<Double>?
  ) {
    for part in HeldOutPart.allCases {
      let own = checks.compactMap { $0[part] }
      let key = "\(name)_\(part.rawValue.replacing(" ", with: "_"))"
      for metric in IntervalMetric.allCases {
        let counts = own.compactMap { $0.counts[metric] }
        guard !counts.isEmpty else { continue }
        let count = IntervalCount(counts)
        let error = IntervalCount.errorOfShare(counts).map { String(format: ", standard error %.3f", $0) } ?? ""
        report.add(
          "\(key)_\(metric.rawValue)_share", "\(name), \(part.rawValue), \(metric.rawValue): share inside",
          count.share, "of \(count.total)\(error)", target: wanted?.upperBound,
          floor: wanted?.lowerBound)
        report.add(
          "\(key)_\(metric.rawValue)_factor", "\(name), \(part.rawValue), \(metric.rawValue): half width as factor",
          count.factor, "x")
      }
      let choices = ChoiceCount(own.map(\.choices))
      guard choices.count > 0 else { continue }
      let label = "\(name), \(part.rawValue): choice within 5% of the best"
      report.add("\(key)_confidence", label + ", foreseen", choices.foreseenShare, "")
      report.add("\(key)_nearly_best_share", label + ", measured", choices.keptShare, "of \(choices.count)")
    }
  }
}

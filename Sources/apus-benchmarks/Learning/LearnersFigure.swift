import ArgumentParser
import Foundation
import Learning
import Selection
import Serving

/// What the coordinator's selector is worth made of one kind of regressor or another, beside the selector of tables.
struct LearnersFigure: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "learners", abstract: "What choices achieve, by what the selector learns with.",
    discussion: """
      --table takes a CSV of ../shared/data/perf's columns with TTFT, TPOT and E2E; without the option the table
      ../shared/data/perf/aic_silicon_e2e.csv is read where it is, and its part is skipped where it is not.
      """)

  @Option(help: "Histories, each with its own seed and its own held-out contexts.") var repetitions = 10
  @Option(help: "Seed of the first history.") var seed: UInt64 = 1
  @Option(help: "A table of real measurements.") var table: String?
  @Option(
    parsing: .upToNextOption, help: "What to compare, of \(Learner.allCases.map(\.rawValue).joined(separator: ", ")).")
  var learners = Learner.allCases
  @Option(help: "Trainings at once.") var threads = ProcessInfo.processInfo.activeProcessorCount
  @Flag(help: "Print one JSON object.") var json = false

  enum Learner: String, CaseIterable, ExpressibleByArgument {
    case roofline, boosted, forest, both, tables

    var label: String {
      switch self {
      case .roofline: "roofline alone"
      case .boosted: "boosted trees"
      case .forest, .both: rawValue
      case .tables: "the selector of tables"
      }
    }
  }

  func validate() throws {
    guard repetitions > 0 else { throw ValidationError("--repetitions is at least 1, not \(repetitions)") }
    guard (1...1024).contains(threads) else { throw ValidationError("--threads is 1 to 1024, not \(threads)") }
  }

  func run() throws {
    var report = FigureReport(
      figure: "learners",
      method: [
        "best over chosen in E2E, mean over the held-out contexts, 1 is always choosing the best; beside it, over the "
          + "histories or what is left out, the mean gain over boosted trees with its standard error",
        "the coordinator's selector has no measurement of the context (no direct evidence), and what it foresees to take the "
          + "least time is chosen, also where it would rather stay with the default; the selector of tables learns from the "
          + "same measurements as instances, algorithms and costs",
        "synthetic: \(repetitions) histories from seed \(seed) as of the figure coverage, chosen by the measured, judged by "
          + "the true times without noise",
      ])
    let (first, learners) = (seed, learners)
    let histories = try each(repetitions) { try Self.synthetic(seed: first + UInt64($0), learners) }
    for part in HeldOutPart.allCases {
      add(histories.compactMap { $0[part] }, to: &report, "synthetic", part.rawValue)
    }
    try addTable(to: &report)
    report.print(asJSON: json)
  }

  private func each<Value: Sendable>(
    _ count: Int, _ body: @escaping @Sendable (Int) throws -> Value
  ) throws -> [Value] {
    try ParallelLoop.map(count: count, threadCount: threads) { place in Result { try body(place) } }
      .map { try $0.get() }
  }

  // MARK: Generated histories

  private static func synthetic(
    seed: UInt64, _ learners: [Learner]
  ) throws -> [HeldOutPart: [Learner: [ChoiceQuestion.Outcome]]] {
    var history = VariedHistory(seed: seed)
    let trials = history.contexts.map { history.trial($0) }
    let names = history.contexts.map { (model: $0.model.id.rawValue, hardware: $0.hardware.fingerprint) }
    var (learned, asked): ([ChoiceQuestion], [ChoiceQuestion]) = ([], [])
    for (context, blocks) in zip(history.contexts, trials) {
      let set = CandidateSet(
        worker: WorkerName("node"), hardware: context.hardware, model: context.model, available: history.models,
        workload: context.workload, candidates: context.candidates)
      learned.append(
        ChoiceQuestion(sets: [set], costs: [context.candidates.map { CountedCost.e2e.measured($0, blocks) }]))
      asked.append(ChoiceQuestion(sets: [set], costs: [context.candidates.map { context.trueE2EMS($0)! }]))
    }
    var outcomes: [HeldOutPart: [Learner: [ChoiceQuestion.Outcome]]] = [:]
    for (part, isLeft, _) in HeldOutPart.leaveOut(names, seed: seed) where part != .newModelAndHardware {
      outcomes[part] = try Self.outcomes(
        training: trials.indices.filter { !isLeft[$0] }.flatMap { trials[$0] }, models: history.models,
        learned: learned, asked: asked, isLeft: isLeft, groups: groups(names, part), learners)
    }
    return outcomes
  }

  private static func groups(_ names: [(model: String, hardware: String)], _ part: HeldOutPart) -> [String] {
    switch part {
    case .newHardware: names.map(\.hardware)
    case .newModel: names.map(\.model)
    case .known, .newModelAndHardware, .measured: names.indices.map { String($0) }
    }
  }

  /// - Parameters:
  ///   - training: what the coordinator's selector learns from; `learned` is the same for tables.
  ///   - asked: questions with the costs that judge.
  private static func outcomes(
    training: [Serving.Measurement], models: [ModelProfile], learned: [ChoiceQuestion], asked: [ChoiceQuestion],
    isLeft: [Bool], groups: [String], _ learners: [Learner]
  ) throws -> [Learner: [ChoiceQuestion.Outcome]] {
    let left = asked.indices.filter { isLeft[$0] }
    var outcomes: [Learner: [ChoiceQuestion.Outcome]] = [:]
    for learner in learners {
      func recommended(_ members: [BlendedRegressor.Member]?) throws -> [ChoiceQuestion.Outcome] {
        let model = try members.map { try SelectorTrainer.train(training, models: models, members: $0).model }
        let recommender = Recommender(model: model, evidence: EvidenceIndex())
        return left.map { asked[$0].outcome(recommender) }
      }
      switch learner {
      case .roofline: outcomes[learner] = try recommended(nil)
      case .boosted: outcomes[learner] = try recommended([.boosted])
      case .forest: outcomes[learner] = try recommended([.forest])
      case .both: outcomes[learner] = try recommended([.boosted, .forest])
      case .tables:
        let table = QuestionTable(learned, groups: groups, models: models)
        let model = TableSelectorCatalogue.defaultSelector.train(
          on: table.table.selecting(instances: asked.indices.filter { !isLeft[$0] }), TrainingContext(seed: 1))
        outcomes[learner] = left.map { table.outcome($0, of: asked[$0], model) }
      }
    }
    return outcomes
  }

  // MARK: A table of real measurements

  private func addTable(to report: inout FigureReport) throws {
    guard let (path, measurements) = try PublishedContexts.read(table, &report) else { return }
    let contexts = PublishedContexts.all(measurements, counting: .e2e)
    let leaving: [(name: String, group: @Sendable (Serving.Measurement) -> String)] = [
      ("new model", PublishedContexts.modelName), ("new hardware", { $0.hardware.processor }),
    ]
    let learners = learners
    for (name, group) in leaving {
      let groups = contexts.map { group($0.first) }
      let distinct = Set(groups).sorted()
      let questions = contexts.map(\.question)
      let parts = try each(distinct.count) { place in
        try Self.outcomes(
          training: measurements.filter { group($0) != distinct[place] }, models: [], learned: questions,
          asked: questions, isLeft: groups.map { $0 == distinct[place] }, groups: groups, learners)
      }
      add(parts, to: &report, "table", name)
    }
    report.method.append(
      "table: \(contexts.count) contexts (model, device, lengths, concurrency) of \(URL(filePath: path).lastPathComponent) "
        + "with two strategies or more (engine, precision, number of devices and parallelism); each model or kind of device is "
        + "left out in turn. For the coordinator's selector each engine, precision and number of devices is a node")
  }

  // MARK: Report

  private func add(
    _ parts: [[Learner: [ChoiceQuestion.Outcome]]], to report: inout FigureReport, _ name: String, _ part: String
  ) {
    guard !parts.isEmpty else { return }
    func achieved(_ outcomes: [ChoiceQuestion.Outcome]) -> Double { Self.mean(outcomes.map(\.achieved)) }
    for learner in learners {
      let all = parts.flatMap { $0[learner]! }
      // Against themselves where the trees are not asked for.
      let gains = parts.map { achieved($0[learner]!) - achieved($0[.boosted] ?? $0[learner]!) }
      let mean = Self.mean(gains)
      let squares = gains.reduce(0.0) { sum, gain in sum + (gain - mean) * (gain - mean) }
      let error = (squares / Double(max(1, gains.count - 1) * gains.count)).squareRoot()
      let beside =
        learner == .boosted || !learners.contains(.boosted)
        ? "of \(all.count) contexts" : String(format: "gain %+.4f, standard error %.4f", mean, error)
      let key = "\(name)_\(part)_\(learner)".replacing(" ", with: "_")
      report.add("\(key)_achieved", "\(name), \(part): \(learner.label)", achieved(all), beside)
      let errors = all.flatMap(\.errors)
      if !errors.isEmpty {
        report.add("\(key)_error", "  foreseen times off by, median", exp(Percentiles(errors).p50), "x")
      }
    }
  }

  private static func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(max(1, values.count)) }
}

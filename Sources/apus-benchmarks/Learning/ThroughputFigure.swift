import ArgumentParser
import Foundation
import Learning
import Selection
import Serving

/// What choices achieve on published measurements, and how well the throughput of what is chosen is foreseen, by simple
/// rules, plain learners, the roofline and the coordinator's selector.
struct ThroughputFigure: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "throughput",
    abstract: "How well throughput is foreseen on a published table, and what is gained by it.",
    discussion: """
      --table takes a CSV of ../shared/data/perf's columns with TTFT, TPOT and E2E; without the option the table
      ../shared/data/perf/aic_silicon_e2e.csv is read where it is.
      """)

  @Option(help: "A table of real measurements.") var table: String?
  @Option(help: "Trainings at once.") var threads = ProcessInfo.processInfo.activeProcessorCount
  @Flag(help: "Print one JSON object.") var json = false

  /// In the order of the report.
  private enum Learner: String, CaseIterable {
    case singleBest = "single-best"
    case bestRule = "best-rule"
    case neighbours = "nearest-instances"
    case forest = "joint-forest"
    case roofline
    case coordinator

    var label: String {
      switch self {
      case .singleBest: "single best"
      case .bestRule: "best rule"
      case .neighbours: "k-NN"
      case .forest: "random forest"
      case .roofline: "roofline alone"
      case .coordinator: "ours (coordinator)"
      }
    }

    /// Nil for those that foresee by themselves.
    var forecast: PlainForecast? {
      switch self {
      case .singleBest, .bestRule: .medianOfChosen
      case .neighbours: .nearest
      case .forest: .forest
      case .roofline, .coordinator: nil
      }
    }
  }

  func validate() throws {
    guard (1...1024).contains(threads) else { throw ValidationError("--threads is 1 to 1024, not \(threads)") }
  }

  func run() throws {
    var report = FigureReport(
      figure: "throughput",
      method: [
        "choices go by tokens/s for each device; achieved: chosen over best, mean over the contexts; gap closed: share of what "
          + "the single best, or the best rule, loses against always choosing the best",
        "error: foreseen over measured throughput or its inverse, whichever is above 1, of what is chosen, median over the "
          + "contexts; and over all strategies of all contexts",
        "single best and rule foresee the median of what they chose in training; k-NN and forest are regressions of the "
          + "throughput beside selectors of the same kind (nearest-instances, joint-forest)",
        "roofline and coordinator have no measurement of the context and choose what they foresee to be best",
      ])
    if let (path, measurements) = try PublishedContexts.read(table, &report) {
      let contexts = PublishedContexts.all(measurements, counting: .deviceSeconds)
      let leaving: [(name: String, group: @Sendable (Serving.Measurement) -> String)] = [
        ("new model", PublishedContexts.modelName), ("new hardware", { $0.hardware.processor }),
      ]
      for (name, group) in leaving {
        add(try outcomes(measurements, contexts, group), to: &report, name)
      }
      report.method.append(
        "\(contexts.count) contexts (model, device, lengths, concurrency) of \(URL(filePath: path).lastPathComponent) with "
          + "two strategies or more (engine, precision, number of devices and parallelism); each model or kind of device is "
          + "left out in turn. For the coordinator's selector each engine, precision and number of devices is a node")
    }
    report.print(asJSON: json)
  }

  /// Of every context when its group was left out.
  private func outcomes(
    _ measurements: [Serving.Measurement], _ contexts: [(first: Serving.Measurement, question: ChoiceQuestion)],
    _ group: @escaping @Sendable (Serving.Measurement) -> String
  ) throws -> [Learner: [ChoiceQuestion.Outcome]] {
    let groups = contexts.map { group($0.first) }
    let questions = contexts.map(\.question)
    let distinct = Set(groups).sorted()
    let parts = try ParallelLoop.map(count: distinct.count, threadCount: threads) { place in
      Result {
        try Self.outcomes(
          questions, groups, leaving: distinct[place],
          training: measurements.filter { group($0) != distinct[place] })
      }
    }.map { try $0.get() }
    return Dictionary(
      uniqueKeysWithValues: Learner.allCases.map { learner in (learner, parts.flatMap { $0[learner]! }) })
  }

  private static func outcomes(
    _ questions: [ChoiceQuestion], _ groups: [String], leaving left: String, training: [Serving.Measurement]
  ) throws -> [Learner: [ChoiceQuestion.Outcome]] {
    let asked = questions.indices.filter { groups[$0] == left }
    let table = QuestionTable(questions, groups: groups, models: [])
    let known = table.table.selecting(instances: questions.indices.filter { groups[$0] != left })
    var outcomes: [Learner: [ChoiceQuestion.Outcome]] = [:]
    for learner in Learner.allCases {
      guard let forecast = learner.forecast else {
        let model = learner == .roofline ? nil : try SelectorTrainer.train(training).model
        let recommender = Recommender(model: model, evidence: EvidenceIndex())
        outcomes[learner] = asked.map { questions[$0].outcome(recommender) }
        continue
      }
      let selector = TableSelectorCatalogue.all.first { $0.name == learner.rawValue }!
      let model = selector.train(on: known, TrainingContext(seed: 1))
      let foresee = forecast.trained(on: known, model)
      outcomes[learner] = asked.map { table.outcome($0, of: questions[$0], model, foresee) }
    }
    return outcomes
  }

  private func add(_ outcomes: [Learner: [ChoiceQuestion.Outcome]], to report: inout FigureReport, _ part: String) {
    func achieved(_ learner: Learner) -> Double {
      let all = outcomes[learner]!.map(\.achieved)
      return all.reduce(0, +) / Double(max(1, all.count))
    }
    func closed(_ learner: Learner, over base: Learner) -> String {
      let left = 1 - achieved(base)
      return left > 1e-9
        ? String(format: "%+.0f%%", 100 * (achieved(learner) - achieved(base)) / left) : "none to close"
    }
    for learner in Learner.allCases {
      let key = "\(part)_\(learner.rawValue)".replacing(" ", with: "_").replacing("-", with: "_")
      report.add(
        "\(key)_achieved", "\(part): \(learner.label)", achieved(learner),
        "of \(outcomes[learner]!.count) contexts; gap closed \(closed(learner, over: .singleBest)) over single best, "
          + "\(closed(learner, over: .bestRule)) over rule")
      report.add(
        "\(key)_chosen_error", "  throughput of the chosen off by, median",
        exp(Percentiles(outcomes[learner]!.compactMap(\.chosenError)).p50), "x")
      report.add(
        "\(key)_error", "  of all strategies", exp(Percentiles(outcomes[learner]!.flatMap(\.errors)).p50), "x")
    }
  }
}

import ArgumentParser
import Foundation
import Learning
import Selection
import Serving

/// `apus selector evaluate`: how well every selector chooses, on data of others.
struct SelectorEvaluateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "Compare selectors on ASlib scenarios, on a CSV file of measurements, or on a history.",
    discussion: """
      --aslib: official folds, repetition 1; test instances nobody solves are left out; feature costs of the default
      steps are charged to selectors that read features. 0 is the virtual best, 1 the single best of the training folds.
      --aslib --online: the scenario as a stream in random order. A bandit is told only what its choice cost, cut off at
      the cutoff. rePAR10 is its PAR10 over that of always choosing the best. Timings are best taken with --threads 1.
      --table: one row for each (instance, algorithm). achieved/best is 1 for the best algorithm of a context.
      --history --leave-out: the coordinator's own selector beside those of tables, in contexts of the history whose model,
      hardware or workload was left out of the training; by the time of a whole request.
      --history --protocol metainf: which of no method, prefix caching, chunked prefill, continuous batching or all is the
      best, for a model or a node that is left out; accelerations are over no method. Deploy/measure-methods measures such
      a history.
      """)

  @Option(parsing: .upToNextOption, help: "Folders of ASlib scenarios.") var aslib: [String] = []
  @Flag(help: "Choose and learn online, from the outcomes of the own choices alone.") var online = false
  @Option(help: "A CSV file of measurements.") var table: String?
  @Option(help: "Test on this CSV file, train on --table.") var test: String?
  @Option(help: "A history's file, such as .apus/history.sqlite.") var history: String?
  @Option(name: .customLong("protocol"), help: "How the history is evaluated: metainf.") var protocolName = "metainf"
  @Option(
    help: "In place of --protocol: \(HistoryEvaluation.LeftOut.allCases.map(\.rawValue).joined(separator: ", ")).")
  var leaveOut: String?
  @Option(help: "What counts in --history: \(Objective.allCases.map(\.rawValue).joined(separator: ", ")).")
  var objective = "e2e"
  @Option(help: "Columns that together name an instance, separated by commas.") var instance: String?
  @Option(help: "Columns that together name an algorithm, separated by commas.") var algorithm: String?
  @Option(help: "The column with the measured cost or gain.") var cost: String?
  @Flag(name: .long, help: "Lower is better (the default).") var minimize = false
  @Flag(name: .long, help: "Higher is better.") var maximize = false
  @Option(help: "Feature columns; by default all that are constant within each instance or each algorithm.")
  var features: String?
  @Option(help: "Instances with the same value in this column are never trained and tested on together.")
  var group: String?
  @Option(help: "Contexts with fewer algorithms do not count.") var minAlgorithms = 2
  @Option(help: "Folds of the cross-validation of --table.") var folds = 10
  @Option(help: "Seeds 1 to N.") var seeds = 1
  @Option(help: "Only these selectors, separated by commas; an unknown name prints the list.") var selectors: String?
  @Option(help: "Threads to use; all cores by default.") var threads: Int?
  @Flag(help: "One JSON object.") var json = false

  func validate() throws {
    guard [!aslib.isEmpty, table != nil, history != nil].count(where: { $0 }) == 1 else {
      throw ValidationError("give one of --aslib, --table and --history")
    }
    guard !online || !aslib.isEmpty else { throw ValidationError("--online needs --aslib") }
    guard protocolName == "metainf" else { throw ValidationError("--protocol is metainf, not \(protocolName)") }
    guard history == nil || selectors == nil || leaveOut != nil else {
      throw ValidationError("a protocol has its own --selectors")
    }
    guard leaveOut == nil || history != nil else { throw ValidationError("--leave-out needs --history") }
    guard leaveOut.map({ HistoryEvaluation.LeftOut(rawValue: $0) != nil }) ?? true else {
      throw ValidationError("--leave-out is model, hardware or workload, not \(leaveOut!)")
    }
    guard !(minimize && maximize) else { throw ValidationError("--minimize and --maximize exclude each other") }
    guard (1...1000).contains(seeds) else { throw ValidationError("--seeds is a number from 1 to 1000, not \(seeds)") }
    guard threads.map({ (1...1024).contains($0) }) ?? true else { throw ValidationError("--threads is 1 to 1024") }
    guard table == nil || (instance != nil && algorithm != nil && cost != nil) else {
      throw ValidationError("--table needs --instance, --algorithm and --cost")
    }
    let ofTables = [
      ("--test", test), ("--instance", instance), ("--algorithm", algorithm), ("--cost", cost),
      ("--features", features), ("--group", group),
    ]
    if table == nil, let (name, _) = ofTables.first(where: { $0.1 != nil }) {
      throw ValidationError("\(name) needs --table")
    }
    guard (2...1000).contains(folds) else { throw ValidationError("--folds is a number from 2 to 1000, not \(folds)") }
    guard minAlgorithms >= 2 else { throw ValidationError("--min-algorithms is at least 2, not \(minAlgorithms)") }
  }

  func run() async throws {
    let seedNumbers = (1...seeds).map { UInt64($0) }
    let threadCount = threads ?? ProcessInfo.processInfo.activeProcessorCount
    do {
      if let history, let leaveOut = leaveOut.flatMap(HistoryEvaluation.LeftOut.init(rawValue:)) {
        try await evaluateHistory(
          history, leaveOut, chosen(of: TableSelectorCatalogue.all, \.name), seedNumbers, threadCount)
      } else if let history {
        let evaluation = try await ProtocolEvaluation(
          history: history, objective: QueryOptions.objective(objective), seeds: seedNumbers, threadCount: threadCount)
        Console.print(json ? evaluation.json().text : evaluation.text())
      } else if online {
        try await evaluateStreams(chosen(of: BanditKind.all, \.name), seedNumbers, threadCount)
      } else if aslib.isEmpty {
        try await evaluateTable(chosen(of: TableSelectorCatalogue.all, \.name), seedNumbers, threadCount)
      } else {
        try await evaluateScenarios(chosen(of: TableSelectorCatalogue.all, \.name), seedNumbers, threadCount)
      }
    } catch let error as LearningError {
      throw ApusError(.badInput, error.description, advice: "correct the file, or name other columns or folders")
    }
  }

  private func chosen<Kind>(of all: [Kind], _ name: (Kind) -> String) throws -> [Kind] {
    guard let selectors else { return all }
    return try Self.list(selectors).map { wanted in
      guard let kind = all.first(where: { name($0) == wanted }) else {
        throw ApusError(
          .usage, "no selector is named `\(wanted)`",
          advice: "the names are \(all.map(name).joined(separator: ", "))")
      }
      return kind
    }
  }

  private func evaluateHistory(
    _ path: String, _ leftOut: HistoryEvaluation.LeftOut, _ selectors: [any TableSelector], _ seeds: [UInt64],
    _ threadCount: Int
  ) async throws {
    let (measurements, models) = try await StoredHistory.read(path)
    let evaluation = try HistoryEvaluation(measurements, models: models, leavingOut: leftOut)
    let scores = try await OwnThread.run { () throws(LearningError) in
      evaluation.scores(selectors, seeds: seeds, threadCount: threadCount)
    }
    let result = HistoryResult(
      leftOut: leftOut, contextCount: evaluation.contextCount, groupCount: evaluation.groupCount, scores: scores)
    Console.print(json ? HistoryOutput.json(result).text : HistoryOutput.text(result))
  }

  private func evaluateScenarios(
    _ selectors: [any TableSelector], _ seeds: [UInt64], _ threadCount: Int
  ) async throws {
    var results: [ScenarioResult] = []
    for folder in aslib {
      let result = try await OwnThread.run { () throws(LearningError) in
        let scenario = try ASlibScenario(folder: folder)
        let evaluation = ScenarioEvaluation(scenario)
        return ScenarioResult(
          name: scenario.name, singleBestLoss: evaluation.singleBestLoss, virtualBestLoss: evaluation.virtualBestLoss,
          scores: evaluation.scores(selectors, seeds: seeds, threadCount: threadCount))
      }
      if !json { Console.note("\(result.name): done") }
      results.append(result)
    }
    Console.print(
      json ? EvaluationOutput.json(results).text : EvaluationOutput.text(results, selectors.map(\.name)))
  }

  private func evaluateStreams(_ bandits: [BanditKind], _ seeds: [UInt64], _ threadCount: Int) async throws {
    var results: [StreamResult] = []
    for folder in aslib {
      let result = try await OwnThread.run { () throws(LearningError) in
        let scenario = try ASlibScenario(folder: folder)
        let evaluation = try StreamEvaluation(scenario)
        return StreamResult(
          name: scenario.name, stepCount: evaluation.stepCount, oracleLoss: evaluation.oracleLoss,
          scores: evaluation.scores(bandits, seeds: seeds, threadCount: threadCount))
      }
      if !json { Console.note("\(result.name): done") }
      results.append(result)
    }
    Console.print(json ? StreamOutput.json(results).text : StreamOutput.text(results, bandits.map(\.name)))
  }

  private func evaluateTable(_ selectors: [any TableSelector], _ seeds: [UInt64], _ threadCount: Int) async throws {
    let schema = TidyTableSchema(
      instance: Self.list(instance!), algorithm: Self.list(algorithm!), cost: cost!, isHigherBetter: maximize,
      features: features.map(Self.list), group: group, leastAlgorithms: minAlgorithms)
    let sources = try [table!, test].compactMap { $0 }.map(TidyTableFile.read)
    let foldCount = folds
    let result = try await OwnThread.run { () throws(LearningError) in
      let selection = try TidySelection(sources, schema: schema)
      let tested = selection.sources.indices.filter { selection.sources[$0] == 1 }
      let evaluation = try TableEvaluation(
        selection.table, split: sources.count == 2 ? .test(tested) : .folds(foldCount))
      return TableResult(
        selection: selection, contextCount: evaluation.contextCount,
        scores: evaluation.scores(selectors, seeds: seeds, threadCount: threadCount))
    }
    Console.print(json ? EvaluationOutput.json(result).text : EvaluationOutput.text(result))
  }

  private static func list(_ text: String) -> [String] {
    text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
  }
}

import Glibc
public import Learning
public import Serving

/// How well the coordinator's selector, and those of tables, choose in contexts of a history that they have not learned
/// from: models, kinds of machines or workloads are left out in turn.
///
/// Judged by the time of a whole request against that of the best configuration measured there. None is told what was
/// measured in the context itself, so the coordinator, which is, does better where it was measured.
public struct HistoryEvaluation: Sendable {
  public enum LeftOut: String, CaseIterable, Sendable {
    /// Weights of one model in several types leave together.
    case model
    case hardware, workload

    fileprivate func group(_ measurement: Measurement) -> String {
      switch self {
      case .model:
        measurement.model.variantGroup.isEmpty ? measurement.model.id.rawValue : measurement.model.variantGroup
      case .hardware: measurement.hardware.fingerprint
      case .workload: measurement.workload.shape
      }
    }

    /// What is new to the selector then; nil where model and hardware are known.
    fileprivate var grouping: CrossConformal.Grouping? {
      switch self {
      case .model: .model
      case .hardware: .hardware
      case .workload: nil
      }
    }
  }

  public struct Score: Hashable, Sendable {
    public let selector: String
    /// Mean of best over chosen over the contexts and seeds, from 0 to 1.
    public let achievedOverBest: Double
    /// Share of the gap between always taking the single best and always taking the best that is closed; nil without one.
    public let closedGap: Double?
  }

  /// The coordinator's own, and never to leave the engine's default.
  public static let coordinatorName = "coordinator"
  public static let engineDefaultName = "engine-default"
  private static let mostFolds = 10

  private let leftOut: LeftOut
  private let set: TrainingSet
  /// Contexts and engines in which two configurations or more were measured.
  private let contexts: [MeasuredChoice]
  /// Number of the group of each context of the set.
  private let groups: [Int32: Int32]

  public var contextCount: Int { contexts.count }
  public let groupCount: Int

  /// - Parameter models: further models of the history.
  /// - Throws: `badInput` for a history with fewer than two groups to leave out.
  public init(
    _ measurements: [Measurement], models: [ModelProfile] = [], leavingOut leftOut: LeftOut
  ) throws(ApusError) {
    let set = TrainingSet(Outvoting(measurements, models: models).believed(measurements), models: models)
    let names = set.representatives.mapValues(leftOut.group)
    let distinct = Set(names.values).sorted()
    let numbers = Dictionary(uniqueKeysWithValues: zip(distinct, Int32(0)...))
    let groups = names.mapValues { numbers[$0]! }
    let contexts = set.cells.configurationChoices(.e2e, among: Array(set.cells.cells.indices))
    self.leftOut = leftOut
    self.set = set
    self.groups = groups
    self.contexts = contexts
    groupCount = Set(contexts.map { groups[set.cells.cells[$0.cells[0].place].context]! }).count
    guard groupCount >= 2 else {
      throw ApusError(
        .badInput,
        "the history has \(contexts.count) contexts in which two strategies were measured, of \(groupCount) "
          + "\(leftOut.rawValue) groups: nothing can be left out",
        advice: "measure more (apus benchmark), or leave out another of "
          + LeftOut.allCases.map(\.rawValue).joined(separator: ", "))
    }
  }

  /// The coordinator's first, then the engine's default where it was measured in every context, then the others in their
  /// order. Blocks, and uses the threads it is given.
  public func scores(_ selectors: [any TableSelector], seeds: [UInt64], threadCount: Int) -> [Score] {
    let evaluation: TableEvaluation
    do {
      evaluation = try TableEvaluation(table, split: .folds(max(2, min(Self.mostFolds, groupCount))))
    } catch {
      // There are two groups or more since this was made.
      preconditionFailure("a history's table is refused: \(error)")
    }
    let single = TableSelectorCatalogue.all.filter { $0.name == "single-best" }
    let others = evaluation.scores(single + selectors, seeds: seeds, threadCount: threadCount)
    let base = others[0].achievedOverBest
    func score(_ name: String, _ achieved: Double) -> Score {
      Score(
        selector: name, achievedOverBest: achieved, closedGap: 1 - base > 1e-12 ? (achieved - base) / (1 - base) : nil)
    }
    var scores = [score(Self.coordinatorName, coordinators)]
    let defaults = contexts.compactMap { context in
      context.cells.contains { set.cells.cells[$0.place].isBaseline } ? exp(context.best) : nil
    }
    if defaults.count == contexts.count {
      scores.append(score(Self.engineDefaultName, defaults.reduce(0, +) / Double(defaults.count)))
    }
    return scores + others.dropFirst().map { score($0.selector, $0.achievedOverBest) }
  }

  /// What the coordinator's selector achieves: the one that serves, trained on the other groups.
  private var coordinators: Double {
    let learner = CostLearner(
      cells: set.cells, settings: BlendedRegressor.Settings(members: SelectorTrainer.members))
    guard
      let unseen = CrossConformal(learner, mostCells: .max).unseen(
        .e2e, by: { groups[$0.context]! }, folds: Self.mostFolds, leastGroups: 2)
    else { preconditionFailure("there are two groups or more") }
    // Who answers is found out anew on what each fold learns from.
    let answers = Set(unseen.folds).sorted().map { fold -> UnfamiliarAnswer in
      guard let grouping = leftOut.grouping else { return .trees }
      let training = zip(unseen.places, unseen.folds).filter { $0.1 != fold }.map(\.0)
      return CrossConformal(learner, among: training).unseen(.e2e, by: grouping)?.answer
        ?? (grouping == .model ? .untestedModel : .untestedHardware)
    }
    let foreseen = Dictionary(
      uniqueKeysWithValues: unseen.places.indices.map { index in
        (unseen.places[index], unseen.answers[answers[unseen.folds[index]].ratio]![index].ratio)
      })
    let achieved = contexts.map { context in
      let choice = context.cells.min { foreseen[$0.place]! < foreseen[$1.place]! }!
      return exp(context.best - choice.cost)
    }
    return achieved.reduce(0, +) / Double(achieved.count)
  }

  /// Contexts are instances, described as for the engine's default; configurations are algorithms.
  private var table: SelectionTable {
    let cells = set.cells
    let used = Set(contexts.flatMap { $0.cells.map { cells.cells[$0.place].configuration } }).sorted()
    let numbers = Dictionary(uniqueKeysWithValues: zip(used, 0...))
    let configurations = used.map { set.configurations[$0]! }
    var costs = [Double](repeating: .nan, count: contexts.count * used.count)
    for (instance, context) in contexts.enumerated() {
      for cell in context.cells {
        costs[instance * used.count + numbers[cells.cells[cell.place].configuration]!] = exp(cell.cost)
      }
    }
    let first = contexts.map(\.cells[0].place)
    return SelectionTable(
      instances: FeatureMatrix(
        columns: FeatureEncoder.columns, values: first.flatMap { cells.baselineRow($0) }, rowCount: contexts.count),
      algorithms: KnobColumns.matrix(configurations), algorithmNames: configurations.map(\.fingerprint),
      kind: .ratioToBest(isHigherBetter: false), costs: costs, isCensored: costs.map { _ in false },
      groups: first.map { Int(groups[cells.cells[$0].context]!) })
  }
}

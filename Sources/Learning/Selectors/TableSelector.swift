/// One way to learn from a table which algorithm to choose. The seam of the learner: one file for each, all in
/// `TableSelectorCatalogue`.
public protocol TableSelector: Sendable {
  /// As in the tables and on the command line: lower case, words joined by hyphens.
  var name: String { get }
  /// One line for people.
  var summary: String { get }

  /// Learns. Blocks its thread and uses as many more as the context allows.
  ///
  /// - Parameter table: at least one instance and one algorithm, and one pair that was tried.
  func train(on table: SelectionTable, _ context: TrainingContext) -> any TableModel
}

/// What training may depend on beside the table. The same seed gives the same model on any number of threads.
public struct TrainingContext: Hashable, Sendable {
  public var seed: UInt64
  public var threadCount: Int

  public init(seed: UInt64, threadCount: Int = 1) {
    self.seed = seed
    self.threadCount = threadCount
  }

  /// For a part of a model, so that its random numbers are its own.
  func part(_ index: Int) -> TrainingContext {
    TrainingContext(seed: seed &* 0x9E37_79B9_7F4A_7C15 &+ UInt64(index) &+ 1, threadCount: threadCount)
  }
}

/// What a selector learned.
public protocol TableModel: Sendable {
  /// Whether `scores` looks at the instance; a choice made without does not pay for its features.
  var readsFeatures: Bool { get }

  /// One number for each candidate, lower is better; an estimate of the loss where the selector makes one.
  ///
  /// - Parameters:
  ///   - instance: a value for each feature of the table, NaN when missing.
  ///   - candidates: numbers of the algorithms that can be chosen, ascending, not empty.
  func scores(of instance: ArraySlice<Float>, among candidates: [Int]) -> [Double]

  /// What to do with an instance; choosing the lowest score unless the model says otherwise.
  func plan(for instance: ArraySlice<Float>, among candidates: [Int]) -> SelectionPlan
}

extension TableModel {
  public var readsFeatures: Bool { true }

  public func plan(for instance: ArraySlice<Float>, among candidates: [Int]) -> SelectionPlan {
    precondition(!candidates.isEmpty, "nothing to choose from")
    let scores = scores(of: instance, among: candidates)
    precondition(scores.count == candidates.count, "a score for each candidate")
    let best = scores.indices.min { scores[$0] < scores[$1] }!
    return SelectionPlan(choice: candidates[best], readsFeatures: readsFeatures)
  }
}

/// What to do with one instance.
public struct SelectionPlan: Hashable, Sendable {
  /// Runs before anything else, each cut short at its seconds; the first that finishes ends the plan. Run times only.
  public var probes: [Probe] = []
  /// The algorithm that then runs to its end.
  public var choice: Int
  /// Whether the features were needed to choose; they are read after the probes.
  public var readsFeatures: Bool

  public struct Probe: Hashable, Sendable {
    public var algorithm: Int
    public var seconds: Double
  }
}

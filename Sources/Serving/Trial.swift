/// Configurations to run on one worker under one lease, loaded side by side and run in turns.
///
/// The worker runs, for each workload and each round, one block for every configuration in an order shuffled from
/// `seed`, and reports each block's measurement as soon as it is there.
public struct TrialSpec: Hashable, Codable, Sendable {
  public var id: TrialID
  public var benchmark: BenchmarkID
  public var purpose: TrialPurpose
  public var model: ModelID
  public var candidates: [Candidate]
  public var workloads: [Workload]
  /// For each workload the indices of the candidates that run on it, each once; empty for all on all. So a candidate is
  /// loaded once for the workloads it can help, and spends no time on the others.
  public var lineups: [[Int]]
  /// Rounds for each workload, at least 1. Round r of this trial is numbered `firstRound + r`.
  public var rounds: Int
  public var firstRound: Int
  /// Makes the prompts and the order; other seeds make other prompts.
  public var seed: UInt64
  /// No new block starts after this many seconds.
  public var timeLimitSeconds: Double
  /// Places in `candidates` of the configurations whose quality is to be measured, ascending. The default of the same
  /// engine must be among the candidates: it is what they are compared with.
  public var qualityWanted: [Int]

  public init(
    id: TrialID, benchmark: BenchmarkID, purpose: TrialPurpose, model: ModelID, candidates: [Candidate],
    workloads: [Workload], lineups: [[Int]] = [], rounds: Int, firstRound: Int = 0, seed: UInt64,
    timeLimitSeconds: Double, qualityWanted: [Int] = []
  ) {
    self.id = id
    self.benchmark = benchmark
    self.purpose = purpose
    self.model = model
    self.candidates = candidates
    self.workloads = workloads
    self.lineups = lineups
    self.rounds = rounds
    self.firstRound = firstRound
    self.seed = seed
    self.timeLimitSeconds = timeLimitSeconds
    self.qualityWanted = qualityWanted
  }

  /// The candidates that run on a workload, by their indices.
  public func lineup(_ workload: Int) -> [Int] { lineups.isEmpty ? Array(candidates.indices) : lineups[workload] }

  /// Blocks of the whole trial.
  public var blockCount: Int { max(0, rounds) * workloads.indices.reduce(0) { $0 + lineup($1).count } }

  /// Whether the lineups, if there are any, name existing candidates, each once, for every workload.
  public var hasSoundLineups: Bool {
    lineups.isEmpty
      || lineups.count == workloads.count
        && lineups.allSatisfy { Set($0).count == $0.count && $0.allSatisfy(candidates.indices.contains) }
  }
}

/// What a user asks to be benchmarked.
public struct BenchmarkSpec: Hashable, Codable, Sendable {
  public var id: BenchmarkID
  public var models: [ModelID]
  public var workloads: [Workload]
  /// Methods to try; empty for all that apply.
  public var methods: [MethodName]
  /// Workers to use; empty for all.
  public var workers: [WorkerName]
  /// Wall time for screening and paired rounds together, in seconds, > 0. The confirmation comes on top.
  public var budgetSeconds: Double
  public var objective: Objective
  public var seed: UInt64

  public init(
    id: BenchmarkID, models: [ModelID], workloads: [Workload], methods: [MethodName] = [],
    workers: [WorkerName] = [], budgetSeconds: Double, objective: Objective, seed: UInt64
  ) {
    self.id = id
    self.models = models
    self.workloads = workloads
    self.methods = methods
    self.workers = workers
    self.budgetSeconds = budgetSeconds
    self.objective = objective
    self.seed = seed
  }
}

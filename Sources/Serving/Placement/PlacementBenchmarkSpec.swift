/// Placements of a model's experts to measure on the nodes of a cluster.
public struct PlacementBenchmarkSpec: Hashable, Codable, Sendable {
  /// The name that stands for the plan expected to be fastest, found by a race.
  public static let recommended = "recommended"
  public static let batchLimit = 65_536
  public static let roundLimit = 10_000

  public var id: BenchmarkID
  public var model: ModelID
  /// Workers that host experts, the hub first; empty for all that can.
  public var workers: [WorkerName]
  /// In the order they are measured; the others are compared with the first.
  public var strategies: [String]
  /// Tokens that pass a layer together.
  public var batchSizes: [Int]
  /// Batches measured for each plan and batch size, in every layer.
  public var rounds: Int
  /// Only the first of the layers with experts; nil for all.
  public var layerCount: Int?
  /// Nil for what the model's own router says.
  public var routing: RecordedRouting?
  /// Of the rows.
  public var seed: UInt64
  /// A batch that is not answered after so long is asked of replicas, too; nil never asks twice.
  public var hedgeAfterMS: Int?
  /// A batch that is not complete after so long fails.
  public var deadlineSeconds: Int

  public init(
    id: BenchmarkID, model: ModelID, workers: [WorkerName] = [], strategies: [String], batchSizes: [Int], rounds: Int,
    layerCount: Int? = nil, routing: RecordedRouting? = nil, seed: UInt64 = 1, hedgeAfterMS: Int? = nil,
    deadlineSeconds: Int = 120
  ) {
    self.id = id
    self.model = model
    self.workers = workers
    self.strategies = strategies
    self.batchSizes = batchSizes
    self.rounds = rounds
    self.layerCount = layerCount
    self.routing = routing
    self.seed = seed
    self.hedgeAfterMS = hedgeAfterMS
    self.deadlineSeconds = deadlineSeconds
  }

  /// What of it cannot be; nil for nothing. Names of strategies are their planner's business.
  public var fault: String? {
    if strategies.isEmpty { return "it names no strategy" }
    if batchSizes.isEmpty { return "it names no batch size" }
    if let size = batchSizes.first(where: { !(1...Self.batchLimit).contains($0) }) {
      return "a batch of \(size) tokens is not from 1 to \(Self.batchLimit)"
    }
    if !(1...Self.roundLimit).contains(rounds) { return "\(rounds) rounds are not from 1 to \(Self.roundLimit)" }
    if let layerCount, layerCount < 1 { return "\(layerCount) layers" }
    if !(1...86_400).contains(deadlineSeconds) { return "a deadline of \(deadlineSeconds) s" }
    if let hedgeAfterMS, hedgeAfterMS < 1 { return "hedging after \(hedgeAfterMS) ms" }
    return Set(workers).count == workers.count ? nil : "it names a worker twice"
  }
}

/// The experts that each token went to, as they were recorded.
public struct RecordedRouting: Hashable, Codable, Sendable {
  /// What fits into a message beside the rest.
  public static let byteLimit = 1 << 20

  public var layerCount: Int
  /// Experts for each token.
  public var topK: Int
  /// One for each id, `[layer][token][topK]`.
  public var experts: [UInt8]

  public init(layerCount: Int, topK: Int, experts: [UInt8]) {
    self.layerCount = layerCount
    self.topK = topK
    self.experts = experts
  }
}

/// How the plans that were expected to be fastest did against each other on the same batches.
public struct PlacementRaceResult: Hashable, Codable, Sendable {
  public struct Entrant: Hashable, Codable, Sendable {
    public var strategy: String
    /// Batches it computed before it was out or the race over.
    public var rounds: Int
    /// Geometric mean of its time over the winner's on the batches that both computed; 1 for the winner.
    public var ratio: Double

    public init(strategy: String, rounds: Int, ratio: Double) {
      self.strategy = strategy
      self.rounds = rounds
      self.ratio = ratio
    }
  }

  public var batchTokens: Int
  /// The one expected to be fastest first.
  public var entrants: [Entrant]
  public var winner: String

  public init(batchTokens: Int, entrants: [Entrant], winner: String) {
    self.batchTokens = batchTokens
    self.entrants = entrants
    self.winner = winner
  }
}

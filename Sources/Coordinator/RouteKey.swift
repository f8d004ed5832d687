public import Serving

/// What jobs must share to be sent the same way: a ranking is made once for each key, not for each job.
///
/// Lengths fall into classes (each a third to a half longer than the last), because a cost that is smooth in the
/// length does not change its order of candidates within one.
public struct RouteKey: Hashable, Sendable {
  public var model: ModelID
  public var objective: Objective
  public var limits: Limits
  /// Upper ends of the length classes, in tokens.
  public var promptTokens: Int
  public var outputTokens: Int
  /// Engines say no log-probabilities of drafted tokens, so such jobs go where nothing is drafted.
  public var wantsLogprobs: Bool
  /// Such jobs go where a chat template has a place for tools.
  public var usesTools: Bool

  /// - Parameter spec: of a model whose tokens' lengths are not known.
  public init(_ spec: JobSpec) {
    self.init(spec, tokenLength: TokenLength())
  }

  init(_ spec: JobSpec, tokenLength: TokenLength) {
    model = spec.model
    objective = spec.objective
    limits = spec.limits
    promptTokens = Self.lengthClass(tokenLength.tokens(ofBytes: spec.promptBytes))
    outputTokens = Self.lengthClass(spec.maxTokens)
    wantsLogprobs = spec.sampling?.logprobs != nil
    usesTools = spec.usesTools
  }

  /// The lengths and the ends of the model's digest tell most keys apart; hashing all of it takes longer than comparing.
  public func hash(into hasher: inout Hasher) { hasher.combine(digest) }
  public func _rawHashValue(seed: Int) -> Int { KeyHash.of(digest, seed: seed) }

  private var digest: UInt64 { model.ends &+ UInt64(promptTokens) << 32 &+ UInt64(outputTokens) }

  /// The shape the selector is asked about.
  public var workload: Workload {
    Workload(
      name: "job", promptTokens: promptTokens...promptTokens, outputTokens: outputTokens...outputTokens,
      requestCount: 1)
  }

  /// The same shape, cut to what a context holds: the upper ends of the classes may be beyond it where the jobs are not.
  /// A job that surely does not fit was refused before; of the others the engine knows.
  ///
  /// - Parameter contextLength: in tokens, of prompt and output together; 0 where it is not known.
  func workload(fitting contextLength: Int) -> Workload {
    guard contextLength > 1 else { return workload }
    var workload = workload
    let output = min(outputTokens, contextLength - 1)
    let prompt = min(promptTokens, contextLength - output)
    workload.promptTokens = prompt...prompt
    workload.outputTokens = output...output
    return workload
  }

  /// The smallest of 1, 2, 3, 4, 6, 8, 12, 16, 24, ... that is not below `tokens`.
  static func lengthClass(_ tokens: Int) -> Int {
    guard tokens > 1 else { return 1 }
    guard tokens <= 1 << 40 else { return 1 << 40 }
    var power = 1
    while power < tokens {
      power *= 2
    }
    let between = power / 4 * 3
    return between >= tokens ? between : power
  }
}

/// One way to run a job: where, how, and what is foreseen there.
public struct RouteChoice: Hashable, Sendable {
  public var worker: WorkerName
  public var candidate: Candidate
  public var predicted: PredictedMetrics

  public init(worker: WorkerName, candidate: Candidate, predicted: PredictedMetrics = PredictedMetrics()) {
    self.worker = worker
    self.candidate = candidate
    self.predicted = predicted
  }
}

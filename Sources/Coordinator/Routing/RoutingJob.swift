import Serving

/// What the router knows of a job: made once, when it is queued. An object, because it is looked at from many places.
final class RoutingJob: Sendable {
  let model: ModelID
  let promptTokens: Int
  /// Most that it may generate.
  let outputTokens: Int
  let promptBytes: Int
  let blocks: PromptBlocks
  let session: String?
  let objective: Objective
  let slos: [SLO]
  /// When its answer is wanted, in seconds on the ledger's clock.
  let deadline: Double?
  /// Whose it is, and a turn of its (`FairClock`).
  let flow: FairClock.Flow
  let tag: Double
  /// Its place among those whose turn it is, in seconds on the ledger's clock (`Router.due`).
  let due: Double
  /// How many times a second that others lose weighs as much as one that it loses itself (`Router.size`).
  let size: Double

  init(
    _ spec: JobSpec, promptTokens: Int, deadline: Double?, flow: FairClock.Flow, tag: Double, due: Double,
    size: Double = 1
  ) {
    model = spec.model
    self.promptTokens = promptTokens
    outputTokens = spec.maxTokens
    promptBytes = spec.promptBytes
    blocks = PromptBlocks(spec.prompt, tools: spec.tools)
    session = spec.session
    objective = spec.objective
    slos = spec.limits.slos
    self.deadline = deadline
    self.flow = flow
    self.tag = tag
    self.due = due
    self.size = size
  }

  /// What it asks for, in tokens written: reading one is taken for a tenth of writing one.
  static func work(promptTokens: Int, outputTokens: Int) -> Double {
    max(1, Double(promptTokens) / 10 + Double(outputTokens))
  }
}

/// How much of what they may generate the jobs of a model do generate.
struct OutputShare: Sendable {
  /// Newest outcomes that count.
  static let memory = 50.0

  private(set) var mean = 1.0
  private var count = 0.0

  mutating func learn(_ share: Double) {
    count = min(Self.memory, count + 1)
    mean += (min(max(share, 0), 1) - mean) / count
  }
}

/// One way to run a job, with what is foreseen for it there as the load is now. Seconds, from now on.
public struct RouteOption: Hashable, Sendable {
  /// Place among the route's choices.
  public var choice: Int
  /// The router's number of the worker.
  public var node: Int
  public var hasRoom = false
  /// Jobs that run and wait there, and how many it runs at once.
  public var runningCount = 0
  public var waitingCount = 0
  public var slotCount = 1
  /// Work of those jobs that is not done yet, in tokens written (`RoutingJob.work`).
  public var outstandingWork = 0.0
  /// Such tokens for each second of a job, as measured there; nil before the first job.
  public var workPerSecond: Double?
  /// Share of the prompt that its engine is thought to have in its cache, 0...1.
  public var cachedShare = 0.0
  /// Until a place is free.
  public var wait = 0.0
  /// For which it is foreseen to say nothing, as it was silent last.
  public var silence = 0.0
  /// Until the engine is loaded, its predecessor's jobs included; 0 for one that is.
  public var load = 0.0
  /// Reading the prompt beside the others.
  public var prefill = 0.0
  /// For each token after the first.
  public var tpot = 0.0
  /// Tokens it is expected to write.
  public var outputTokens = 1.0
  /// What the objective counts, and what it costs others: less is better.
  public var value = 0.0
  /// The part of `value` that the job itself feels, an engine's load left out, which no place would save; and what that
  /// would be with a place at once, the load included. Both 0 where the objective is no time.
  var felt = 0.0
  var feltAtOnce = 0.0
  /// Whether it is foreseen to miss the deadline or a limit on a latency.
  public var isLate = false

  public init(choice: Int, node: Int) {
    self.choice = choice
    self.node = node
  }

  public var ttft: Double { wait + silence + load + prefill }
  public var e2e: Double { ttft + tpot * max(0, outputTokens - 1) }
  /// How long it keeps its place on the node.
  public var service: Double { load + prefill + tpot * max(0, outputTokens - 1) }
}

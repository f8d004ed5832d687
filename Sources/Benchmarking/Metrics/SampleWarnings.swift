public import Serving

/// What was seen of one block, besides its samples, that may make its figures doubtful.
public struct BlockConditions: Hashable, Sendable {
  public var workload: Workload
  public var samples: [RequestTimeline]
  /// Tokens each request asked for, in the order of `samples`; the engine was told to go past the end of sequence.
  public var askedTokens: [Int]
  /// How busy the machine was while the block ran; nil where that is unknown.
  public var machine: MachineUse?
  /// What the engine counted over the block; nil where it does not say.
  public var counted: EngineCounters?
  /// Requests the engine serves at once.
  public var slotCount: Int

  public init(
    workload: Workload, samples: [RequestTimeline], askedTokens: [Int], machine: MachineUse? = nil,
    counted: EngineCounters? = nil, slotCount: Int = 1
  ) {
    self.workload = workload
    self.samples = samples
    self.askedTokens = askedTokens
    self.machine = machine
    self.counted = counted
    self.slotCount = slotCount
  }
}

/// Doubts about a block's figures, each with advice: a reader should know which figures not to trust, and what helps.
public enum SampleWarnings {
  /// Below this the high percentiles are the slowest request.
  static let fewRequests = 5
  /// Other processes' share of the machine above which wall times tell more about them than about the engine.
  static let busyShare = 0.10
  /// Share of the generation time that odd gaps may take before they are worth a word.
  static let stallShare = 0.10

  public static func warnings(for block: BlockConditions) -> [String] {
    [
      failures(block), shortOutputs(block), fewSamples(block), atOnce(block), slowFirst(block), outliers(block),
      stalls(block),
    ]
    .compactMap { $0 } + counterWarnings(block) + machineWarnings(block.machine)
  }

  private static func failures(_ block: BlockConditions) -> String? {
    let reasons = block.samples.compactMap(\.failure)
    guard let first = reasons.first else { return nil }
    return """
      \(reasons.count) of \(block.samples.count) requests failed (\(first)); the figures are of the others: \
      look at the engine's log before believing them
      """
  }

  private static func shortOutputs(_ block: BlockConditions) -> String? {
    let short = zip(block.samples, block.askedTokens).filter { $0.failure == nil && $0.outputTokenCount < $1 }
    guard let (sample, asked) = short.first else { return nil }
    return """
      \(short.count) of \(block.samples.count) requests ended early (\(sample.outputTokenCount) of \(asked) tokens); \
      compare only with blocks that did the same work, or give the engine a longer context
      """
  }

  private static func fewSamples(_ block: BlockConditions) -> String? {
    let good = block.samples.count { $0.failure == nil }
    guard good > 0, good < fewRequests else { return nil }
    return """
      \(good == 1 ? "one request" : "\(good) requests"): p90 and p99 of TTFT and E2E are the slowest one; \
      run more rounds, or more requests in a block
      """
  }

  /// A reader that had no processor finds all tokens there when it gets one.
  private static func atOnce(_ block: BlockConditions) -> String? {
    let streams = block.samples.filter { $0.failure == nil && $0.outputTokenCount > 1 }
    let count = streams.count { ($0.tpotSeconds ?? 0) * 1000 < Metrics.leastTokenMS }
    guard count > 0 else { return nil }
    return """
      the tokens of \(count) of \(streams.count) requests came all at once, so their TTFT and TPOT are not known; run the \
      block again when the machine has less to do
      """
  }

  /// A first request that pays for something the others find done: a cold cache, a lazily loaded file.
  ///
  /// Requests that wait in a queue or share a prefix differ by design, so only plain sequences are judged.
  private static func slowFirst(_ block: BlockConditions) -> String? {
    guard block.workload.concurrency == 1, block.workload.arrivalRate == nil, block.workload.sharedPrefixShare == 0
    else { return nil }
    let times = block.samples.compactMap(\.ttftSeconds)
    guard times.count >= 3, let first = times.first else { return nil }
    let median = Percentile.median(Array(times.dropFirst()))
    guard first > 2 * median else { return nil }
    return """
      the first request waited \(milliseconds(first)) ms for its first token, the others \(milliseconds(median)) ms; \
      run the block again, or with a longer warm-up
      """
  }

  private static func outliers(_ block: BlockConditions) -> String? {
    // With other lengths the times differ by design, and a queue spreads them on purpose.
    guard block.workload.outputTokens.count == 1, block.workload.promptTokens.count == 1 else { return nil }
    let times = block.samples.filter { $0.failure == nil }.compactMap(\.tpotSeconds)
    guard times.count >= fewRequests else { return nil }
    let count = ModifiedZScore.scores(of: times).count { abs($0) > ModifiedZScore.threshold }
    guard count > 0 else { return nil }
    return """
      \(count) of \(times.count) requests are outliers in time per token (modified Z-score above \
      \(ModifiedZScore.threshold)); repeat the block on a quieter machine, and compare medians
      """
  }

  /// Single gaps that stopped everything: the machine did something else.
  private static func stalls(_ block: BlockConditions) -> String? {
    let gaps = block.samples.filter { $0.failure == nil }.flatMap(\.gapSeconds)
    let total = gaps.reduce(0, +)
    guard gaps.count >= 20, total > 0 else { return nil }
    // Speculation gives several tokens at once, so short and long gaps are no news; ten times the mean is.
    let odd = zip(gaps, ModifiedZScore.scores(of: gaps))
      .filter { $1 > ModifiedZScore.threshold && $0 > 10 * total / Double(gaps.count) }
      .map(\.0)
    guard odd.reduce(0, +) > stallShare * total, let longest = odd.max() else { return nil }
    return """
      \(odd.count) of \(gaps.count) gaps between tokens were stalls of up to \(milliseconds(longest)) ms; \
      the machine was busy with something else: repeat the block
      """
  }

  private static func machineWarnings(_ machine: MachineUse?) -> [String] {
    guard let machine else { return [] }
    var warnings: [String] = []
    if machine.otherShare > busyShare {
      warnings.append(
        """
        \(Measurement.busyMachineWarning) \(percent(machine.otherShare)) of the machine's CPU; \
        trust CPU seconds and paired ratios, not wall time, or stop the other work
        """)
    }
    if machine.stolenShare > busyShare {
      warnings.append(
        """
        the hypervisor withheld \(percent(machine.stolenShare)) of the machine's CPU; \
        repeat at another time, and trust paired ratios only
        """)
    }
    return warnings
  }

  private static func milliseconds(_ seconds: Double) -> Int { Int((1000 * seconds).rounded()) }
  static func percent(_ share: Double) -> String { "\(Int((100 * share).rounded()))%" }
}

/// Percentiles of a latency over the requests (or token gaps) of one block, in milliseconds.
public struct LatencySummary: Hashable, Codable, Sendable {
  public var meanMS: Double
  public var p50MS: Double
  public var p90MS: Double
  public var p99MS: Double

  public init(meanMS: Double, p50MS: Double, p90MS: Double, p99MS: Double) {
    self.meanMS = meanMS
    self.p50MS = p50MS
    self.p90MS = p90MS
    self.p99MS = p99MS
  }

  public func value(percentile: Int) -> Double {
    switch percentile {
    case 50: p50MS
    case 90: p90MS
    case 99: p99MS
    default: preconditionFailure("percentile \(percentile) is not kept; 50, 90 and 99 are")
    }
  }
}

/// What one completed block of requests gave.
public struct Metrics: Hashable, Codable, Sendable {
  /// Requests that finished well.
  public var requestCount: Int
  /// Requests that failed.
  public var failedRequestCount: Int
  public var promptTokenCount: Int
  public var outputTokenCount: Int
  /// First request sent to last token received.
  public var wallSeconds: Double
  /// CPU time of the engine's processes over the block; the figure to trust on a shared machine. Nil where those
  /// processes cannot be seen: of a server somebody else started elsewhere.
  public var cpuSeconds: Double?
  /// Most resident memory of the engine since its start. Nil where its processes cannot be seen.
  public var peakMemoryBytes: Int?
  /// Engine start to readiness.
  public var loadSeconds: Double
  public var ttft: LatencySummary
  /// Gap between tokens, over all gaps.
  public var itl: LatencySummary
  /// (E2E - TTFT) / (output tokens - 1), over requests.
  public var tpot: LatencySummary
  public var e2e: LatencySummary
  /// Accepted share of drafted tokens, 0...1; nil without speculation or when the engine does not say.
  public var acceptanceRate: Double?
  /// Energy over the block, in joules: of the whole processor packages with their memory and of all GPUs, whoever used
  /// them. Nil where no counter can be read, and for jobs, which share their engine with others.
  public var energyJoules: Double?
  /// Memory of GPUs that the engine had when the block ended, in bytes. Nil where it computes on none, or where it cannot
  /// be seen.
  public var acceleratorMemoryBytes: Int?

  public init(
    requestCount: Int, failedRequestCount: Int, promptTokenCount: Int, outputTokenCount: Int, wallSeconds: Double,
    cpuSeconds: Double?, peakMemoryBytes: Int?, loadSeconds: Double, ttft: LatencySummary, itl: LatencySummary,
    tpot: LatencySummary, e2e: LatencySummary, acceptanceRate: Double? = nil, energyJoules: Double? = nil,
    acceleratorMemoryBytes: Int? = nil
  ) {
    self.requestCount = requestCount
    self.failedRequestCount = failedRequestCount
    self.promptTokenCount = promptTokenCount
    self.outputTokenCount = outputTokenCount
    self.wallSeconds = wallSeconds
    self.cpuSeconds = cpuSeconds
    self.peakMemoryBytes = peakMemoryBytes
    self.loadSeconds = loadSeconds
    self.ttft = ttft
    self.itl = itl
    self.tpot = tpot
    self.e2e = e2e
    self.acceptanceRate = acceptanceRate
    self.energyJoules = energyJoules
    self.acceleratorMemoryBytes = acceleratorMemoryBytes
  }

  /// Output tokens per second of wall time.
  public var throughput: Double { wallSeconds > 0 ? Double(outputTokenCount) / wallSeconds : 0 }

  /// Energy for each output token, in joules; nil without a counter or without a token.
  public var joulesPerToken: Double? {
    energyJoules.flatMap { outputTokenCount > 0 ? $0 / Double(outputTokenCount) : nil }
  }

  /// The value of an objective without SLOs: goodput counts every good request. Cost is in seconds of the node for each
  /// output token: its price is the same for all that runs on it. Not a number where energy was not measured, or TTFT and
  /// TPOT were not seen (`cameAtOnce`).
  public func value(_ objective: Objective) -> Double {
    switch objective {
    case .ttft: cameAtOnce ? .nan : ttft.meanMS
    case .tpot: cameAtOnce ? .nan : tpot.meanMS
    case .e2e: e2e.meanMS
    case .throughput: throughput
    case .goodput: wallSeconds > 0 ? Double(requestCount) / wallSeconds : 0
    case .cost: outputTokenCount > 0 ? wallSeconds / Double(outputTokenCount) : .nan
    case .energy: joulesPerToken ?? .nan
    }
  }
}

/// When each token of one request arrived: the raw sample behind every metric.
public struct RequestTimeline: Hashable, Codable, Sendable {
  /// Seconds from the block's start to the sending of this request.
  public var sentAtSeconds: Double
  /// Seconds from sending to each output token, ascending; the first is TTFT. Empty when the request failed early.
  public var tokenSeconds: [Double]
  public var promptTokenCount: Int
  /// Prompt tokens the engine found in its cache; nil when it does not say.
  public var cachedTokenCount: Int?
  /// What went wrong; nil for a request that finished well.
  public var failure: String?

  public init(
    sentAtSeconds: Double, tokenSeconds: [Double], promptTokenCount: Int, cachedTokenCount: Int? = nil,
    failure: String? = nil
  ) {
    self.sentAtSeconds = sentAtSeconds
    self.tokenSeconds = tokenSeconds
    self.promptTokenCount = promptTokenCount
    self.cachedTokenCount = cachedTokenCount
    self.failure = failure
  }

  public var outputTokenCount: Int { tokenSeconds.count }
  /// Time to first token; nil without a token.
  public var ttftSeconds: Double? { tokenSeconds.first }
  /// Whole request; nil without a token.
  public var e2eSeconds: Double? { tokenSeconds.last }
  /// (E2E - TTFT) / (output tokens - 1); nil with fewer than two tokens.
  public var tpotSeconds: Double? {
    guard tokenSeconds.count > 1, let first = tokenSeconds.first, let last = tokenSeconds.last else { return nil }
    return (last - first) / Double(tokenSeconds.count - 1)
  }
}

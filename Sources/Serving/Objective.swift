/// What a user wants best.
public enum Objective: String, Codable, Sendable, CaseIterable {
  /// Time to first token, mean; less is better.
  case ttft
  /// Time per output token after the first, mean; less is better.
  case tpot
  /// Whole request, mean; less is better.
  case e2e
  /// Output tokens per second over the block; more is better.
  case throughput
  /// Requests per second that meet every SLO; more is better.
  case goodput
  /// Price of a million output tokens, from the node's price for an hour and the throughput; less is better.
  case cost
  /// Joules for each output token; less is better.
  case energy

  public var isMaximized: Bool { self == .throughput || self == .goodput }
}

/// A limit on a latency with its percentile: `ttft:p99<=500ms`.
public struct SLO: Hashable, Codable, Sendable, CustomStringConvertible {
  public enum Metric: String, Codable, Sendable, CaseIterable { case ttft, tpot, itl, e2e }

  public var metric: Metric
  /// 50, 90 or 99.
  public var percentile: Int
  public var limitMS: Double

  public init(metric: Metric, percentile: Int, limitMS: Double) {
    self.metric = metric
    self.percentile = percentile
    self.limitMS = limitMS
  }

  public var description: String { "\(metric.rawValue):p\(percentile)<=\(limitMS)ms" }

  /// Reads `METRIC:pNN<=NUMBER(ms|s)`; nil when the text says anything else.
  public init?(parsing text: String) {
    let halves = text.replacing(" ", with: "").split(separator: "<=", maxSplits: 1)
    guard halves.count == 2 else { return nil }
    let left = halves[0].split(separator: ":", maxSplits: 1)
    guard left.count == 2, let metric = Metric(rawValue: String(left[0])), left[1].first == "p",
      let percentile = Int(left[1].dropFirst()), [50, 90, 99].contains(percentile)
    else { return nil }
    let (digits, scale): (Substring, Double) =
      halves[1].hasSuffix("ms")
      ? (halves[1].dropLast(2), 1) : halves[1].hasSuffix("s") ? (halves[1].dropLast(), 1000) : ("", 1)
    guard let value = Double(digits), value > 0, value.isFinite else { return nil }
    self.init(metric: metric, percentile: percentile, limitMS: value * scale)
  }
}

/// What an answer must respect.
public struct Limits: Hashable, Codable, Sendable {
  public var slos: [SLO]
  /// Most bytes the engine may take; nil for the worker's memory.
  public var memoryBytes: Int?
  /// Whether approximate methods may be chosen whatever they lose. False unless the user says so. Means nothing where
  /// `maxQualityLoss` is given: that limit then decides alone.
  public var allowsApproximate: Bool
  /// Approximate methods may be chosen whose measured `QualityLoss.divergence` from the engine's default is at most
  /// this: nats per token, at least 0. What was not measured is not chosen.
  public var maxQualityLoss: Double?

  public init(
    slos: [SLO] = [], memoryBytes: Int? = nil, allowsApproximate: Bool = false, maxQualityLoss: Double? = nil
  ) {
    self.slos = slos
    self.memoryBytes = memoryBytes
    self.allowsApproximate = allowsApproximate
    self.maxQualityLoss = maxQualityLoss
  }
}

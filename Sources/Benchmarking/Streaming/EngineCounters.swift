import Engines

/// What an engine counted, from its start on or over a block, as its metrics say. Nil is what it does not say.
public struct EngineCounters: Hashable, Sendable {
  /// Prompt tokens of its requests, those found in a cache included.
  public var promptTokenCount: Int?
  /// Of these, found in a cache.
  public var cachedTokenCount: Int?
  public var outputTokenCount: Int?
  /// Compute steps, those of speculation left out.
  public var stepCount: Int?
  /// Busy slots, summed over these steps.
  public var busySlotSum: Double?
  /// Nil or 0 without speculation.
  public var draftedTokenCount: Int?
  public var acceptedTokenCount: Int?

  public init(
    promptTokenCount: Int? = nil, cachedTokenCount: Int? = nil, outputTokenCount: Int? = nil, stepCount: Int? = nil,
    busySlotSum: Double? = nil, draftedTokenCount: Int? = nil, acceptedTokenCount: Int? = nil
  ) {
    self.promptTokenCount = promptTokenCount
    self.cachedTokenCount = cachedTokenCount
    self.outputTokenCount = outputTokenCount
    self.stepCount = stepCount
    self.busySlotSum = busySlotSum
    self.draftedTokenCount = draftedTokenCount
    self.acceptedTokenCount = acceptedTokenCount
  }

  /// vLLM's names (v1/metrics/loggers.py and v1/spec_decode/metrics.py of 0.32.0); Prometheus' client adds `_total`.
  package init(vLLM text: PrometheusText) {
    func count(_ name: String) -> Int? { text["vllm:\(name)_total"].flatMap { Int(exactly: $0) } }
    self.init(
      promptTokenCount: count("prompt_tokens"), cachedTokenCount: count("prefix_cache_hits"),
      outputTokenCount: count("generation_tokens"), draftedTokenCount: count("spec_decode_num_draft_tokens"),
      acceptedTokenCount: count("spec_decode_num_accepted_tokens"))
  }

  /// llama.cpp's names (tools/server, its `/metrics`). It counts prompt tokens without the cached ones, and writes every
  /// figure with six digits: a count from a million on is rounded, and left out.
  package init(llamaCpp text: PrometheusText) {
    func count(_ name: String) -> Int? {
      text["llamacpp:\(name)_total"].flatMap { $0 < 1e6 ? Int(exactly: $0) : nil }
    }
    let read = count("prompt_tokens")
    let cached = count("prompt_tokens_cached")
    let steps = count("n_decode")
    self.init(
      promptTokenCount: read.flatMap { read in cached.map { read + $0 } }, cachedTokenCount: cached,
      outputTokenCount: count("tokens_predicted"), stepCount: steps,
      // The engine gives the mean since its start.
      busySlotSum: text["llamacpp:n_busy_slots_per_decode"].flatMap { mean in steps.map { mean * Double($0) } },
      draftedTokenCount: count("spec_decode_num_draft_tokens"),
      acceptedTokenCount: count("spec_decode_num_accepted_tokens"))
  }

  /// Reads them where the engine has metrics of its own; nil elsewhere. Benign when it fails: a block without its
  /// engine's counters is still a block.
  package static func read(_ endpoint: EngineEndpoint) async -> EngineCounters? {
    let client = StreamingClient(limits: RequestLimits(stallSeconds: 10, totalSeconds: 20))
    switch endpoint.dialect {
    case .llamaCpp: return (try? await client.counters(at: endpoint)).map(EngineCounters.init(llamaCpp:))
    case .vLLM: return (try? await client.counters(at: endpoint)).map(EngineCounters.init(vLLM:))
    case .openAI: return nil
    }
  }

  /// What was counted since an earlier reading. Nil for what either has not.
  package func since(_ earlier: EngineCounters?) -> EngineCounters {
    func difference<Number: Comparable & AdditiveArithmetic>(_ count: (EngineCounters) -> Number?) -> Number? {
      guard let earlier, let before = count(earlier), let now = count(self), now >= before else { return nil }
      return now - before
    }
    return EngineCounters(
      promptTokenCount: difference(\.promptTokenCount), cachedTokenCount: difference(\.cachedTokenCount),
      outputTokenCount: difference(\.outputTokenCount), stepCount: difference(\.stepCount),
      busySlotSum: difference(\.busySlotSum), draftedTokenCount: difference(\.draftedTokenCount),
      acceptedTokenCount: difference(\.acceptedTokenCount))
  }

  /// Slots that a step served, on average; nil without a step.
  public var busySlotsPerStep: Double? {
    guard let busySlotSum, let stepCount, stepCount > 0 else { return nil }
    return busySlotSum / Double(stepCount)
  }

  /// Share of the prompt tokens that were found in a cache, 0...1; nil without a prompt token.
  public var cachedShare: Double? {
    guard let cachedTokenCount, let promptTokenCount, promptTokenCount > 0 else { return nil }
    return min(1, Double(cachedTokenCount) / Double(promptTokenCount))
  }
}

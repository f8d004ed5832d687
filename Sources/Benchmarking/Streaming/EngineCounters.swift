import Engines

/// What an engine counted since its start and says only in its metrics.
struct EngineCounters: Hashable, Sendable {
  /// Nil without speculation.
  var draftedTokenCount: Int?
  var acceptedTokenCount: Int?

  init(draftedTokenCount: Int? = nil, acceptedTokenCount: Int? = nil) {
    self.draftedTokenCount = draftedTokenCount
    self.acceptedTokenCount = acceptedTokenCount
  }

  /// vLLM's names (v1/spec_decode/metrics.py of 0.32.0); Prometheus' client adds `_total`.
  init(vLLM text: PrometheusText) {
    draftedTokenCount = text["vllm:spec_decode_num_draft_tokens_total"].flatMap { Int(exactly: $0) }
    acceptedTokenCount = text["vllm:spec_decode_num_accepted_tokens_total"].flatMap { Int(exactly: $0) }
  }

  /// Reads them where the engine's stream does not say them; nil elsewhere. Benign when it fails: a block without the
  /// share of accepted drafts is still a block.
  static func read(_ endpoint: EngineEndpoint) async -> EngineCounters? {
    guard endpoint.dialect == .vLLM else { return nil }
    let client = StreamingClient(limits: RequestLimits(stallSeconds: 10, totalSeconds: 20))
    return (try? await client.counters(at: endpoint)).map(EngineCounters.init(vLLM:))
  }

  /// What was counted since an earlier reading. Nil for what either has not.
  func since(_ earlier: EngineCounters?) -> EngineCounters {
    func difference(_ count: (EngineCounters) -> Int?) -> Int? {
      guard let earlier, let before = count(earlier), let now = count(self), now >= before else { return nil }
      return now - before
    }
    return EngineCounters(
      draftedTokenCount: difference(\.draftedTokenCount), acceptedTokenCount: difference(\.acceptedTokenCount))
  }
}

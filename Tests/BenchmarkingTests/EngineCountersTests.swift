import Benchmarking
import Testing

/// The counters of each engine, from texts that it really gave.
@Suite("EngineCounters") struct EngineCountersTests {
  private func text(_ lines: String) -> PrometheusText { PrometheusText(Array(lines.utf8)) }

  /// Of xllamacpp 2026.10.11549: one prompt of 5 tokens twice, 16 tokens generated each time.
  private static let llamaCpp = """
    # HELP llamacpp:prompt_tokens_total Number of prompt tokens processed, excluding cached tokens
    # TYPE llamacpp:prompt_tokens_total counter
    llamacpp:prompt_tokens_total 6
    # HELP llamacpp:prompt_tokens_cached_total Number of prompt tokens reused from the cache
    # TYPE llamacpp:prompt_tokens_cached_total counter
    llamacpp:prompt_tokens_cached_total 4
    # HELP llamacpp:tokens_predicted_total Number of generation tokens processed
    # TYPE llamacpp:tokens_predicted_total counter
    llamacpp:tokens_predicted_total 32
    # HELP llamacpp:n_decode_total Total number of llama_decode() calls, excluding speculative decoding and multimodal decoding
    # TYPE llamacpp:n_decode_total counter
    llamacpp:n_decode_total 32
    # HELP llamacpp:spec_decode_num_draft_tokens_total Speculative: Total draft tokens generated
    # TYPE llamacpp:spec_decode_num_draft_tokens_total counter
    llamacpp:spec_decode_num_draft_tokens_total 0
    # HELP llamacpp:spec_decode_num_accepted_tokens_total Speculative: Total draft tokens accepted by the target model
    # TYPE llamacpp:spec_decode_num_accepted_tokens_total counter
    llamacpp:spec_decode_num_accepted_tokens_total 0
    # HELP llamacpp:predicted_tokens_seconds Average generation throughput in tokens/s
    # TYPE llamacpp:predicted_tokens_seconds gauge
    llamacpp:predicted_tokens_seconds 1431.78
    # HELP llamacpp:n_busy_slots_per_decode Average number of busy slots per llama_decode() call
    # TYPE llamacpp:n_busy_slots_per_decode gauge
    llamacpp:n_busy_slots_per_decode 1

    """

  @Test func llamaCppNames() {
    let counters = EngineCounters(llamaCpp: text(Self.llamaCpp))
    #expect(
      counters
        == EngineCounters(
          promptTokenCount: 10, cachedTokenCount: 4, outputTokenCount: 32, stepCount: 32, busySlotSum: 32,
          draftedTokenCount: 0, acceptedTokenCount: 0))
    #expect(counters.busySlotsPerStep == 1 && counters.cachedShare == 0.4)
  }

  /// Figures that the engine rounded are left out, and so is everything an older engine does not have.
  @Test func roundedAndMissing() {
    let rounded = EngineCounters(
      llamaCpp: text("llamacpp:tokens_predicted_total 1.23457e+06\nllamacpp:n_decode_total 999999\n"))
    #expect(rounded == EngineCounters(stepCount: 999_999))
    #expect(rounded.busySlotsPerStep == nil && rounded.cachedShare == nil)
    #expect(EngineCounters(llamaCpp: text("llamacpp:prompt_tokens_total 7\n")) == EngineCounters())
  }

  /// As vLLM 0.32.0 writes them: one sample for each engine, figures with a point.
  @Test func vLLMNames() {
    let counters = EngineCounters(
      vLLM: text(
        """
        vllm:prompt_tokens_total{engine="0",model_name="m"} 6508.0
        vllm:generation_tokens_total{engine="0",model_name="m"} 640.0
        vllm:prefix_cache_queries_total{engine="0",model_name="m"} 6508.0
        vllm:prefix_cache_hits_total{engine="0",model_name="m"} 3584.0
        vllm:spec_decode_num_draft_tokens_total{engine="0",model_name="m"} 603.0
        vllm:spec_decode_num_accepted_tokens_total{engine="0",model_name="m"} 408.0

        """))
    #expect(
      counters
        == EngineCounters(
          promptTokenCount: 6508, cachedTokenCount: 3584, outputTokenCount: 640, draftedTokenCount: 603,
          acceptedTokenCount: 408))
  }

  /// A block is what came between two readings; the mean over its steps is its own, not the engine's since the start. An
  /// engine that began anew in between counted less than before, which is no count of the block.
  @Test func blocksAreDifferences() {
    let before = EngineCounters(outputTokenCount: 32, stepCount: 32, busySlotSum: 32, draftedTokenCount: 4)
    let after = EngineCounters(
      outputTokenCount: 96, stepCount: 64, busySlotSum: 160, draftedTokenCount: 2, acceptedTokenCount: 1)
    let block = after.since(before)
    #expect(block == EngineCounters(outputTokenCount: 64, stepCount: 32, busySlotSum: 128))
    #expect(block.busySlotsPerStep == 4)
    #expect(after.since(nil) == EngineCounters())
  }
}

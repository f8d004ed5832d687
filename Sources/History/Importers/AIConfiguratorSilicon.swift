import Serving

/// End-to-end runs of vLLM, SGLang and TensorRT-LLM on NVIDIA GPUs (ai-dynamo/aiconfigurator, Apache-2.0): mean TTFT and
/// TPOT at a fixed concurrency. The throughput there is derived from the two, so one wave of requests is taken as the
/// block.
struct AIConfiguratorSilicon: MeasurementImporter {
  let name = "aic-silicon"
  let summary = "ai-dynamo/aiconfigurator's silicon end-to-end runs, tidied (aic_silicon_e2e.csv)"
  private static let dataset = "aic_silicon_e2e"

  func recognizes(_ beginning: String) -> Bool { PublishedRow.recognizes(Self.dataset, beginning) }

  func open(_ path: String, _ facts: StatedFacts) throws(ApusError) -> any ImportSource {
    try PublishedRow.open(Self.dataset, path, facts) { row throws(RowFault) in
      let (requests, output) = (try row.concurrency, try row.outputTokens)
      let tokens = (Double(requests) * output).rounded()
      return (
        .foreign(
          requestCount: requests, promptTokenCount: Int((Double(requests) * (try row.promptTokens)).rounded()),
          outputTokenCount: Int(tokens), wallSeconds: tokens / (try row.throughput),
          ttft: .known(meanMS: try row.record.given("ttft_ms")), tpot: .known(meanMS: try row.record.given("tpot_ms")),
          e2e: .known(meanMS: try row.record.given("e2e_ms"))),
        ["throughput is derived from concurrency, TTFT and TPOT"]
      )
    }
  }
}

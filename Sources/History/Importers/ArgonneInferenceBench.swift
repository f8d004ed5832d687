import Serving

/// Offline batches on eight kinds of accelerator (argonne-lcf/LLM-Inference-Bench, BSD-3): the latency of a whole batch,
/// and throughput that counts prompt and output tokens together. Rows of llama.cpp with a batch above 1 are marked as not
/// comparable there, and are refused.
struct ArgonneInferenceBench: MeasurementImporter {
  let name = "argonne"
  let summary = "argonne-lcf/LLM-Inference-Bench, tidied (argonne_llm_inference_bench.csv)"
  private static let dataset = "argonne_llm_inference_bench"

  func recognizes(_ beginning: String) -> Bool { PublishedRow.recognizes(Self.dataset, beginning) }

  func open(_ path: String, _ facts: StatedFacts) throws(ApusError) -> any ImportSource {
    try PublishedRow.open(Self.dataset, path, facts) { row throws(RowFault) in
      let requests = try row.concurrency
      let (prompt, output) = (Double(requests) * (try row.promptTokens), Double(requests) * (try row.outputTokens))
      let latency = try row.record.given("e2e_ms")
      let byRate = (prompt + output) / (try row.throughput)
      return (
        .foreign(
          requestCount: requests, promptTokenCount: Int(prompt.rounded()), outputTokenCount: Int(output.rounded()),
          wallSeconds: latency.map { $0 / 1e3 } ?? byRate,
          e2e: .known(meanMS: latency)),
        []
      )
    }
  }
}

import Serving

/// Mixed requests over 120 s against TGIS on GPU profiles (IBM/LLM-performance-prediction, CDLA-Permissive-2.0). Which
/// statistic its latencies are is not said, so they are left out; counts follow from the rate and the mean lengths.
struct IBMLLMPilot: MeasurementImporter {
  let name = "ibm-llm-pilot"
  let summary = "IBM's LLM-Pilot characterisation, tidied (ibm_llm_pilot.csv)"
  private static let dataset = "ibm_llm_pilot"

  func recognizes(_ beginning: String) -> Bool { PublishedRow.recognizes(Self.dataset, beginning) }

  func open(_ path: String, _ facts: StatedFacts) throws(ApusError) -> any ImportSource {
    try PublishedRow.open(Self.dataset, path, facts) { row throws(RowFault) in
      let seconds = 120.0
      let tokens = (seconds * (try row.throughput)).rounded()
      let requests = max(1, (tokens / max(1, try row.outputTokens)).rounded())
      return (
        .foreign(
          requestCount: Int(requests),
          failedRequestCount: Int((try row.record.given("failed_requests") ?? 0).rounded()),
          promptTokenCount: Int((requests * (try row.promptTokens)).rounded()), outputTokenCount: Int(tokens),
          wallSeconds: seconds),
        ["counts are derived from the throughput over 120 s and the mean lengths"]
      )
    }
  }
}

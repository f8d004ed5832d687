import Serving

/// One request after the other with 13 engines on one GPU (premAI-io/benchmarks, MIT): output tokens per second, and
/// memory.
struct PremBenchmarks: MeasurementImporter {
  let name = "prem"
  let summary = "premAI-io/benchmarks, tidied (prem_benchmarks.csv)"
  private static let dataset = "prem_benchmarks"

  func recognizes(_ beginning: String) -> Bool { PublishedRow.recognizes(Self.dataset, beginning) }

  func open(_ path: String, _ facts: StatedFacts) throws(ApusError) -> any ImportSource {
    try PublishedRow.open(Self.dataset, path, facts) { row throws(RowFault) in
      let output = try row.outputTokens
      let seconds = output / (try row.throughput)
      return (
        .foreign(
          requestCount: 1, promptTokenCount: Int((try row.promptTokens).rounded()),
          outputTokenCount: Int(output.rounded()), wallSeconds: seconds,
          peakMemoryBytes: (try row.record.given("memory_mb")).map { Int($0 * 1e6) }),
        []
      )
    }
  }
}

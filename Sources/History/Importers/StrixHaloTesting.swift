import Serving

/// llama-bench over builds, back-ends and lengths on one AMD APU (lhl/strix-halo-testing, Apache-2.0): tokens per second of
/// reading or of writing alone, and memory.
struct StrixHaloTesting: MeasurementImporter {
  let name = "strix-halo"
  let summary = "lhl/strix-halo-testing's llama-bench runs, tidied (lhl_strix_halo_llamacpp.csv)"
  private static let dataset = "lhl_strix_halo_llamacpp"

  func recognizes(_ beginning: String) -> Bool { PublishedRow.recognizes(Self.dataset, beginning) }

  func open(_ path: String, _ facts: StatedFacts) throws(ApusError) -> any ImportSource {
    try PublishedRow.open(Self.dataset, path, facts) { row throws(RowFault) in
      let (prompt, output) = (try row.promptTokens, try row.outputTokens)
      guard (prompt > 0) != (output > 0) else { throw RowFault("a row is of reading or of writing, not of both") }
      let seconds = (prompt + output) / (try row.throughput)
      let step = output > 0 ? LatencySummary.known(meanMS: 1e3 * seconds / output) : .known()
      return (
        .foreign(
          requestCount: 1, promptTokenCount: Int(prompt), outputTokenCount: Int(output), wallSeconds: seconds,
          peakMemoryBytes: (try row.record.given("memory_mb")).map { Int($0 * 1e6) }, itl: step, tpot: step,
          e2e: .known(meanMS: 1e3 * seconds)),
        []
      )
    }
  }
}

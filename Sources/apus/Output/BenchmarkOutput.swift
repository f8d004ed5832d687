import Acceleration
import Foundation
import Messaging
import Serving

/// What a benchmark found, as text and JSON.
enum BenchmarkOutput {
  static func json(_ summary: BenchmarkSummary, models: [ModelID: String]) -> JSONValue {
    .object([
      ("benchmark", .string(summary.benchmark.rawValue)), ("measurement_count", .int(summary.measurementCount)),
      ("elapsed_s", .double(summary.elapsedSeconds)), ("was_cut_short", .bool(summary.wasCutShort)),
      ("outcomes", .object(summary.outcomes.sorted { $0.key < $1.key }.map { ($0.key, .int($0.value)) })),
      (
        "findings",
        .array(
          summary.findings.map { finding in
            .object([
              ("model", .string(models[finding.model] ?? finding.model.rawValue)),
              ("node", .string(finding.worker.rawValue)),
              ("workload", .string(finding.workload.name)),
              ("strategy", .string(finding.best.configuration.fingerprint)),
              ("is_confirmed_gain", .bool(finding.isConfirmedGain)),
              ("speedup", JSONValue(finding.speedup)), ("speedup_interval", JSONValue(finding.speedupInterval)),
              ("pair_count", .int(finding.pairCount)),
              ("default", metrics(finding.defaultMetrics)), ("best", metrics(finding.bestMetrics)),
              ("predicted", RecommendationOutput.json(finding.predicted)),
              ("approximate_strategy", JSONValue(finding.approximate?.configuration.fingerprint)),
              ("approximate_speedup", JSONValue(finding.approximateSpeedup)),
            ])
          })
      ),
      (
        "qualities",
        .array(
          summary.qualities.map { quality in
            .object([
              ("model", .string(models[quality.model] ?? quality.model.rawValue)),
              ("strategy", .string(quality.candidate.configuration.fingerprint)),
              ("promised_fidelity", .string(quality.candidate.fidelity.rawValue)),
              ("quality", QualityOutput.json(quality.loss)),
            ])
          })
      ),
    ])
  }

  private static func metrics(_ metrics: Metrics?) -> JSONValue {
    guard let metrics else { return .null }
    return .object([
      ("ttft_ms", .double(metrics.ttft.meanMS)), ("tpot_ms", .double(metrics.tpot.meanMS)),
      ("e2e_ms", .double(metrics.e2e.meanMS)), ("throughput_tok_per_s", .double(metrics.throughput)),
      ("peak_memory_bytes", JSONValue(metrics.peakMemoryBytes)),
      ("accelerator_memory_bytes", JSONValue(metrics.acceleratorMemoryBytes)), ("cpu_s", JSONValue(metrics.cpuSeconds)),
    ])
  }

  /// One line for each finding; figures as `predicted > measured`, the prediction made before the confirmation.
  static func table(_ summary: BenchmarkSummary, models: [ModelID: String]) -> String {
    var table = TextTable([
      "MODEL", "NODE", "WORKLOAD", "RECOMMENDED", ">TTFT", ">TPOT", ">THROUGHPUT", ">MEMORY", ">SPEED-UP",
      ">90% INTERVAL", "VERDICT",
    ])
    for finding in summary.findings {
      let measured = finding.bestMetrics
      let predicted = finding.predicted
      func both(_ foreseen: String, _ found: String) -> String { "\(foreseen) > \(found)" }
      table.add([
        models[finding.model] ?? String(finding.model.rawValue.prefix(8)), finding.worker.rawValue,
        finding.workload.name,
        finding.isConfirmedGain ? finding.best.configuration.label(modelNames: models) : "default",
        both(Figures.milliseconds(predicted?.ttftMS), Figures.milliseconds(measured?.ttft.meanMS)),
        both(Figures.milliseconds(predicted?.tpotMS), Figures.milliseconds(measured?.tpot.meanMS)),
        both(Figures.rate(predicted?.throughput), Figures.rate(measured?.throughput)),
        both(Figures.bytes(predicted?.memoryBytes), Figures.bytes(measured?.peakMemoryBytes)),
        Figures.factor(finding.speedup), Figures.factorRange(finding.speedupInterval), verdict(finding, models),
      ])
    }
    return table.text(indent: "  ")
  }

  private static func verdict(_ finding: BenchmarkFinding, _ models: [ModelID: String]) -> String {
    if finding.isConfirmedGain { return "faster" }
    if finding.best.configuration.isDefault { return "no gain" }
    return "no gain (\(finding.best.configuration.label(modelNames: models)))"
  }

  /// Approximate methods, apart from the others; nil when none was measured.
  static func approximateTable(_ summary: BenchmarkSummary, models: [ModelID: String]) -> String? {
    var table = TextTable([
      "MODEL", "NODE", "WORKLOAD", "APPROXIMATE STRATEGY", ">SPEED-UP (PAIRED ROUNDS)", ">LOSS (NATS/TOKEN)",
      ">SAME TOKENS", ">PERPLEXITY",
    ])
    for finding in summary.findings {
      guard let approximate = finding.approximate else { continue }
      let part = MethodCatalogue.approximatePart(of: approximate.configuration)
      let loss = summary.qualities.first {
        $0.model == finding.model && $0.candidate.configuration == part
      }?.loss
      table.add(
        [
          models[finding.model] ?? "", finding.worker.rawValue, finding.workload.name,
          approximate.configuration.label(modelNames: models), Figures.factor(finding.approximateSpeedup),
        ] + QualityOutput.cells(loss))
    }
    return table.isEmpty ? nil : table.text(indent: "  ")
  }

  /// What further approximate methods lose, that were in no workload's fastest; nil when there are none. What runs beside
  /// them changes nothing, so each is shown alone.
  static func furtherLosses(_ summary: BenchmarkSummary, models: [ModelID: String]) -> String? {
    let further = summary.qualities.filter { quality in
      quality.candidate.fidelity == .approximate
        && !summary.findings.contains {
          $0.model == quality.model
            && $0.approximate.map { MethodCatalogue.approximatePart(of: $0.configuration) }
              == quality.candidate.configuration
        }
    }
    guard !further.isEmpty else { return nil }
    var table = TextTable(["MODEL", "APPROXIMATE STRATEGY", ">LOSS (NATS/TOKEN)", ">SAME TOKENS", ">PERPLEXITY"])
    for quality in further {
      table.add(
        [models[quality.model] ?? "", quality.candidate.configuration.label(modelNames: models)]
          + QualityOutput.cells(quality.loss))
    }
    return table.text(indent: "  ")
  }

  /// Configurations that should keep the model's output and were seen not to; nil when there are none.
  static func brokenPromises(_ summary: BenchmarkSummary, models: [ModelID: String]) -> String? {
    let broken = summary.qualities.filter { $0.candidate.fidelity == .exact && !$0.loss.isExact }
    guard !broken.isEmpty else { return nil }
    var table = TextTable([
      "MODEL", "STRATEGY", ">OTHER TOKENS", ">LOSS (NATS/TOKEN)", ">SAME TOKENS", ">PERPLEXITY",
    ])
    for quality in broken {
      table.add(
        [
          models[quality.model] ?? "", quality.candidate.configuration.label(modelNames: models),
          "\(quality.loss.decisiveMismatchCount) of \(quality.loss.positionCount)",
        ] + QualityOutput.cells(quality.loss))
    }
    return table.text(indent: "  ")
  }

  /// What stands below the table of findings, by its heading.
  static func qualitySections(
    _ summary: BenchmarkSummary, models: [ModelID: String]
  ) -> [(heading: String, table: String)] {
    var sections: [(heading: String, table: String)] = []
    if let table = approximateTable(summary, models: models) {
      let heading = """
        These may change the model's output, so they are never chosen without --max-quality-loss or --approximate \
        (loss: mean divergence of the next token's distribution from the default's):
        """
      sections.append((heading, table))
    }
    if let table = furtherLosses(summary, models: models) {
      sections.append(("Others that were measured to lose:", table))
    }
    if let table = brokenPromises(summary, models: models) {
      let heading = """
        These should keep the model's output and did not, so they count as approximate (other tokens: greedy choices \
        that differ by more than rounding):
        """
      sections.append((heading, table))
    }
    return sections
  }
}

import Serving

/// Recommendations as text and JSON.
enum RecommendationOutput {
  static func json(_ recommendation: Recommendation, top: Int) -> JSONValue {
    .object([
      ("decision", .string(recommendation.decision.rawValue)),
      ("refused_reason", JSONValue(recommendation.choice == nil ? recommendation.refusal : nil)),
      ("reasons", JSONValue(strings: recommendation.reasons)),
      ("confidence", JSONValue(recommendation.confidence)),
      ("measure_next", recommendation.measureNext.map { json($0, of: recommendation) } ?? .null),
      ("candidates", .array(recommendation.candidates.prefix(top).map(json))),
      ("explanation", recommendation.explanation.map { ExplanationOutput.json($0, of: recommendation) } ?? .null),
    ])
  }

  private static func json(_ plan: MeasurementPlan, of recommendation: Recommendation) -> JSONValue {
    .object([
      (
        "candidates",
        .array(
          plan.candidates.map { recommendation.candidates[$0] }.map {
            .object([
              ("strategy", .string($0.candidate.configuration.fingerprint)), ("node", .string($0.worker.rawValue)),
            ])
          })
      ),
      ("seconds", JSONValue(plan.seconds)),
    ])
  }

  static func json(_ ranked: RankedCandidate) -> JSONValue {
    .object([
      ("strategy", .string(ranked.candidate.configuration.fingerprint)),
      ("methods", JSONValue(strings: ranked.candidate.configuration.methods.map(\.rawValue))),
      ("fidelity", .string(ranked.candidate.fidelity.rawValue)),
      ("node", .string(ranked.worker.rawValue)),
      (
        "predicted",
        json(ranked.predicted)
      ),
      ("intervals", json(ranked.intervals)), ("interval", JSONValue(ranked.interval)),
      ("speedup", JSONValue(ranked.speedup)),
      ("speedup_interval", JSONValue(ranked.speedupInterval)), ("evidence_count", .int(ranked.evidenceCount)),
      ("quality", QualityOutput.json(ranked.quality)),
      ("reasons", JSONValue(strings: ranked.reasons)),
      ("refused_reason", JSONValue(ranked.candidate.refusedReason)),
    ])
  }

  static func json(_ predicted: PredictedMetrics?) -> JSONValue {
    guard let predicted else { return .null }
    return .object([
      ("ttft_ms", JSONValue(predicted.ttftMS)), ("tpot_ms", JSONValue(predicted.tpotMS)),
      ("e2e_ms", JSONValue(predicted.e2eMS)), ("throughput_tok_per_s", JSONValue(predicted.throughput)),
      ("memory_bytes", JSONValue(predicted.memoryBytes)),
      ("energy_j_per_tok", JSONValue(predicted.joulesPerToken)),
      ("cost_per_million_tok", JSONValue(predicted.costPerMillionTokens)),
    ])
  }

  /// 90% intervals, each beside the figure of the same name in `predicted`.
  private static func json(_ intervals: PredictedIntervals) -> JSONValue {
    .object([
      ("ttft_ms", JSONValue(intervals.ttftMS)), ("tpot_ms", JSONValue(intervals.tpotMS)),
      ("e2e_ms", JSONValue(intervals.e2eMS)), ("throughput_tok_per_s", JSONValue(intervals.throughput)),
      ("memory_bytes", JSONValue(intervals.memoryBytes)), ("energy_j_per_tok", JSONValue(intervals.joulesPerToken)),
      ("cost_per_million_tok", JSONValue(intervals.costPerMillionTokens)),
    ])
  }

  /// How sure what is to run now is, in words.
  private static func confidence(_ recommendation: Recommendation) -> String {
    guard let probability = recommendation.confidence else { return "" }
    return ", which costs at most 5% more than the best with \(Int((probability * 100).rounded()))% probability"
  }

  static func text(_ recommendation: Recommendation, top: Int, explain: Bool, modelNames: [ModelID: String]) -> String {
    func label(_ ranked: RankedCandidate) -> String { ranked.candidate.configuration.label(modelNames: modelNames) }
    var lines: [String] = []
    let fallback = recommendation.choice?.candidate.configuration
    switch recommendation.decision {
    case _ where fallback == nil: break  // The command's error says it.
    case .measureFirst where fallback?.isDefault == false, .default where fallback?.isDefault == false:
      lines.append("the engine's default cannot run within the limits; use the first of these:")
    case .use: lines.append("use the first of these\(confidence(recommendation)):")
    case .measureFirst:
      lines.append("measure first; until then use the engine's default\(confidence(recommendation)):")
    case .default: lines.append("no strategy is known to beat the engine's default\(confidence(recommendation)):")
    }
    let shown = recommendation.candidates.filter(\.candidate.isApplicable).prefix(top)
    // Columns for what only some nodes can say: without a price or a counter they would be empty.
    let hasCost = shown.contains { $0.predicted.costPerMillionTokens != nil }
    let hasEnergy = shown.contains { $0.predicted.joulesPerToken != nil }
    var table = TextTable(
      ["STRATEGY", "NODE", ">TTFT", ">TPOT", ">THROUGHPUT", ">MEMORY"] + (hasCost ? [">COST/MTOK"] : [])
        + (hasEnergy ? [">ENERGY"] : []) + [">SPEED-UP", ">90% INTERVAL", ">EVIDENCE", ">LOSS (NATS/TOKEN)"])
    for ranked in shown {
      table.add(
        [
          label(ranked), ranked.worker.rawValue,
          Figures.withInterval(ranked.predicted.ttftMS, ranked.intervals.ttftMS, Figures.milliseconds),
          Figures.withInterval(ranked.predicted.tpotMS, ranked.intervals.tpotMS, Figures.milliseconds),
          Figures.withInterval(ranked.predicted.throughput, ranked.intervals.throughput, Figures.rate),
          Figures.withInterval(
            ranked.predicted.memoryBytes.map { Double($0) }, ranked.intervals.memoryBytes, Figures.bytes),
        ]
          + (hasCost
            ? [
              Figures.withInterval(
                ranked.predicted.costPerMillionTokens, ranked.intervals.costPerMillionTokens, Figures.price)
            ] : [])
          + (hasEnergy
            ? [
              Figures.withInterval(
                ranked.predicted.joulesPerToken, ranked.intervals.joulesPerToken, Figures.joulesPerToken)
            ] : []) + [
            Figures.factor(ranked.speedup), Figures.factorRange(ranked.speedupInterval), String(ranked.evidenceCount),
            QualityOutput.cell(ranked),
          ])
    }
    if !table.isEmpty { lines.append(table.text(indent: "  ")) }
    if let plan = recommendation.measureNext {
      let names = plan.candidates.map { recommendation.candidates[$0] }.map { "\(label($0)) on \($0.worker)" }
      let time = plan.seconds.map { ", about \(Figures.seconds($0.rounded(.up)))" } ?? ""
      lines.append("measure first: \(names.joined(separator: "; "))\(time)")
    }
    lines += recommendation.reasons.map { "why: \($0)" }
    if explain {
      if let explanation = recommendation.explanation {
        lines += ExplanationOutput.lines(explanation, of: recommendation, modelNames: modelNames)
      }
      for ranked in recommendation.candidates.filter(\.candidate.isApplicable).prefix(3) {
        lines += ranked.reasons.map { "  \(label(ranked)) on \(ranked.worker): \($0)" }
      }
      let refused = recommendation.candidates.filter { !$0.candidate.isApplicable }
      if !refused.isEmpty { lines.append("not here:") }
      for ranked in refused {
        lines.append(
          "  \(label(ranked)) on \(ranked.worker): \(ranked.candidate.refusedReason ?? "")")
      }
    }
    return lines.joined(separator: "\n")
  }
}

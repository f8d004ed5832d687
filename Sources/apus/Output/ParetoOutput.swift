import Serving

/// A Pareto front as text and JSON.
enum ParetoOutput {
  static func json(_ front: ParetoFront, of recommendation: Recommendation) -> JSONValue {
    .object([
      ("axes", JSONValue(strings: front.axes.map(\.rawValue))),
      ("unknown_axes", JSONValue(strings: front.unknownAxes.map(\.rawValue))),
      ("candidates", .array(front.places.map { RecommendationOutput.json(recommendation.candidates[$0]) })),
      ("incomparable_count", .int(front.incomparableCount)),
    ])
  }

  static func text(_ front: ParetoFront, of recommendation: Recommendation, modelNames: [ModelID: String]) -> String {
    let unknown =
      front.unknownAxes.isEmpty
      ? []
      : ["not weighed, as no candidate has a figure for it:"] + front.unknownAxes.map { "  \($0.rawValue)\(need($0))" }
    guard recommendation.candidates.contains(where: \.candidate.isApplicable) else {
      return "nothing can run within the limits"
    }
    guard !front.axes.isEmpty else { return unknown.joined(separator: "\n") }
    var table = TextTable(["STRATEGY", "NODE"] + front.axes.map { ">" + title($0) } + [">EVIDENCE"])
    for place in front.places {
      let ranked = recommendation.candidates[place]
      table.add(
        [ranked.candidate.configuration.label(modelNames: modelNames), ranked.worker.rawValue]
          + front.axes.map { cell(ranked, $0) } + [String(ranked.evidenceCount)])
    }
    let names = front.axes.map(\.rawValue).joined(separator: ", ")
    var lines = [
      "nothing beats these in all of \(names) (figures within 1% are equal):", table.text(indent: "  "),
    ]
    if front.incomparableCount > 0 {
      lines.append("left out, as a figure of theirs is not known: \(front.incomparableCount)")
    }
    return (lines + unknown).joined(separator: "\n")
  }

  /// What it takes to know a figure.
  private static func need(_ axis: FrontAxis) -> String {
    switch axis {
    case .energy: ": no node that measured this has a counter of energy"
    case .cost: ": no node has a price (apus worker --price-per-hour)"
    case .ttft, .tpot, .e2e, .throughput, .memory, .quality: ": measure first (apus benchmark)"
    }
  }

  private static func title(_ axis: FrontAxis) -> String {
    switch axis {
    case .ttft, .tpot, .e2e, .throughput, .memory, .energy: axis.rawValue.uppercased()
    case .quality: "LOSS (NATS/TOKEN)"
    case .cost: "COST/MTOK"
    }
  }

  private static func cell(_ ranked: RankedCandidate, _ axis: FrontAxis) -> String {
    let (predicted, intervals) = (ranked.predicted, ranked.intervals)
    return switch axis {
    case .ttft: Figures.withInterval(predicted.ttftMS, intervals.ttftMS, Figures.milliseconds)
    case .tpot: Figures.withInterval(predicted.tpotMS, intervals.tpotMS, Figures.milliseconds)
    case .e2e: Figures.withInterval(predicted.e2eMS, intervals.e2eMS, Figures.milliseconds)
    case .throughput: Figures.withInterval(predicted.throughput, intervals.throughput, Figures.rate)
    case .memory:
      Figures.withInterval(predicted.memoryBytes.map { Double($0) }, intervals.memoryBytes, Figures.bytes)
    case .quality: QualityOutput.cell(ranked)
    case .cost: Figures.withInterval(predicted.costPerMillionTokens, intervals.costPerMillionTokens, Figures.price)
    case .energy: Figures.withInterval(predicted.joulesPerToken, intervals.joulesPerToken, Figures.joulesPerToken)
    }
  }
}

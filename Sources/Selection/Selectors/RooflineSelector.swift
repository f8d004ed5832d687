/// Believes the roofline, but not much: the answer when nothing was measured anywhere.
struct RooflineSelector: Selector {
  static let kind = SelectorKind(
    name: "roofline",
    summary:
      "An analytic estimate from the model's and the hardware's sizes; says what to measure.",
    make: { _, _ in RooflineSelector() })

  /// Engines miss the roofline by a factor of e more often than not; ratios it gets wrong by half.
  static let levelVariance = 1.0
  static let ratioVariance = 0.4 * 0.4

  func foresee(_ table: ContextTable, _ metric: CostMetric, rows: [Int]) -> Foresight? {
    Foresight(
      level: LogEstimate(mean: table.estimates[0].logCost(metric), variance: Self.levelVariance),
      ratios: rows.map {
        $0 == 0
          ? .zero : LogEstimate(mean: table.rooflineRatio($0, metric), variance: Self.ratioVariance)
      },
      isInformed: false, source: "the roofline alone")
  }
}

import Serving

/// Gradient-boosted trees that correct the roofline, trained on the whole history.
struct BoostedTreesSelector: Selector {
  static let kind = SelectorKind(
    name: "boosted-trees",
    summary:
      "Gradient-boosted trees (XGBoost) that correct the roofline, trained on every measurement.",
    make: { model, _ in model.map(BoostedTreesSelector.init) })

  let model: SelectorModel

  func foresee(_ table: ContextTable, _ metric: CostMetric, rows: [Int]) -> Foresight? {
    foresee([TableRows(table: table, rows: rows)], metric)[0]
  }

  func foresee(_ asked: [TableRows], _ metric: CostMetric) -> [Foresight?] { model.foresee(asked, metric) }
}

import Serving

/// The judges of one recommendation, asked together: a question to the selector costs more than its rows do.
struct JudgePanel {
  /// One for each set that has candidates.
  let judges: [SetJudge]
  private let selectors: [any Selector]
  /// For each judge, which selector answers it: the first that knows something of its context.
  private let choices: [Int]

  /// Asks for all rows of one metric, the one that candidates are ranked by.
  init(_ sets: [CandidateSet], selectors: [any Selector], index: EvidenceIndex, metric: CostMetric) {
    let judges = sets.compactMap { SetJudge($0, index: index) }
    self.judges = judges
    self.selectors = selectors
    var choices = [Int?](repeating: nil, count: judges.count)
    for (choice, selector) in selectors.enumerated() {
      let open = judges.indices.filter { choices[$0] == nil }
      if open.isEmpty { break }
      let answers = Self.foresee(selector, open.map { (judges[$0], judges[$0].allRows) }, metric)
      for (place, answer) in zip(open, answers) {
        guard let answer else { continue }
        choices[place] = choice
        judges[place].take(answer, metric, rows: nil)
      }
    }
    self.choices = choices.map { choice in
      guard let choice else { preconditionFailure("the roofline always has an answer") }
      return choice
    }
  }

  /// Asks for a further metric where it was not asked for before. A judge's first question is its last.
  ///
  /// - Parameter rows: by judge; nil for all of its rows.
  func foresee(_ metric: CostMetric, _ rows: [Int: [Int]?]) {
    let open = rows.filter { !judges[$0.key].hasForesight(metric) }.sorted { $0.key < $1.key }
    for (choice, asked) in Dictionary(grouping: open, by: { choices[$0.key] }) {
      let answers = Self.foresee(
        selectors[choice], asked.map { (judges[$0.key], $0.value ?? judges[$0.key].allRows) }, metric)
      for ((place, rows), answer) in zip(asked, answers) {
        if let answer { judges[place].take(answer, metric, rows: rows) }
      }
    }
  }

  /// What a selector foresees, with each node's last jobs asked about too: how far it is off there (`NodeEffect`).
  private static func foresee(
    _ selector: any Selector, _ asked: [(judge: SetJudge, rows: [Int])], _ metric: CostMetric
  ) -> [Foresight?] {
    let recent = asked.map { metric == .memory || metric == .energy ? [] : $0.judge.recent }
    let answers = selector.foresee(
      asked.map { TableRows(table: $0.judge.table, rows: $0.rows) } + recent.flatMap { $0.map(\.rows) }, metric)
    var rest = answers.dropFirst(asked.count)
    return zip(answers, recent).map { answer, recent in
      let known = rest.prefix(recent.count)
      rest = rest.dropFirst(recent.count)
      guard var answer else { return nil }
      let residuals = zip(recent, known).compactMap { outcome, foresight -> Double? in
        guard let foresight, let ratio = foresight.ratios.last else { return nil }
        let residual = outcome.costs[metric] - foresight.level.mean - ratio.mean
        return residual.isNaN ? nil : residual
      }
      answer.level = NodeEffect.condition(answer.level, residuals: residuals)
      return answer
    }
  }
}

import Foundation
import Learning
import Selection
import Serving

/// MetaInf's protocol on a history of Apus: its methods, leave-one-model-out and leave-one-node-out, its baselines and
/// figures, and regret and closed gap beside them.
struct ProtocolEvaluation {
  /// Selectors in the order of the table, with what they stand for in the literature.
  private static let rows: [(name: String, standsFor: String)] = [
    ("single-best", "single best"), ("clusters", "ISAC"), ("matrix-factorization", "ALORS"),
    ("neural-factorization", "NCF"), ("per-algorithm-forest", "random forest"), ("boosted-trees", "gradient boosting"),
    (TableSelectorCatalogue.defaultSelector.name, "ours on tables"),
  ]
  /// What serves, which sees the roofline's columns and every block in place of a table of medians.
  private static let serving = (name: HistoryEvaluation.coordinatorName, standsFor: "ours, as it serves")

  let table: ProtocolTable
  private var splits: [(leftOut: ProtocolTable.LeftOut, bestCounts: [Int], scores: [ChoiceEvaluation.Score])] = []

  /// - Throws: `badInput` for a history that has nothing to leave out.
  init(history path: String, objective: Objective, seeds: [UInt64], threadCount: Int) async throws {
    let table = ProtocolTable(try await StoredHistory.read(path).measurements, objective: objective)
    self.table = table
    guard table.familyCount >= 2 || table.nodes.count >= 2 else {
      throw ApusError(
        .badInput,
        """
        \(path) has \(table.contextCount) contexts in which all five methods were measured, of \(table.familyCount) \
        models on \(table.nodes.count) nodes (\(table.incompleteCount) contexts lack a method): nothing can be left out
        """, advice: "measure at least 2 models or 2 nodes; Deploy/measure-methods does")
    }
    let selectors = Self.rows.map { row in TableSelectorCatalogue.all.first { $0.name == row.name }! }
    for leftOut in ProtocolTable.LeftOut.allCases
    where (leftOut == .model ? table.familyCount : table.nodes.count) >= 2 {
      let own = table.table(leaving: leftOut)
      let (counts, scores) = try await OwnThread.run { () throws(LearningError) in
        let evaluation = try ChoiceEvaluation(own, baseline: ProtocolMethod.allCases.firstIndex(of: .none)!)
        return (evaluation.bestCounts, evaluation.scores(selectors, seeds: seeds, threadCount: threadCount))
      }
      splits.append((leftOut, counts, scores + [try await Self.coordinator(table, own)]))
    }
  }

  private static func coordinator(
    _ table: ProtocolTable, _ own: SelectionTable
  ) async throws -> ChoiceEvaluation.Score {
    let outcome = try await OwnThread.run { () throws(LearningError) -> Result<ChoiceEvaluation.Score, ApusError> in
      let evaluation = try ChoiceEvaluation(own, baseline: ProtocolMethod.allCases.firstIndex(of: .none)!)
      do throws(ApusError) {
        return .success(
          try evaluation.score(serving.name) { training, test throws(ApusError) in
            try table.coordinatorsChoices(training: training, test: test)
          })
      } catch {
        return .failure(error)
      }
    }
    return try outcome.get()
  }

  private static func label(_ name: String) -> String {
    (rows + [serving]).first { $0.name == name }.map {
      $0.name == $0.standsFor ? $0.name : "\($0.standsFor) (\($0.name))"
    } ?? name
  }

  func text() -> String {
    var lines = [
      """
      \(table.contextCount) contexts by \(table.objective.rawValue): \(table.modelCount) models in \(table.familyCount) \
      families, \(table.nodes.count) nodes, \(table.workloadCount) workloads; left out: \(table.incompleteCount) contexts \
      without all five methods, \(table.otherCount) other measurements
      """
    ]
    lines += table.nodes.map { "node: \($0)" }
    lines += table.shortfalls.map { "NOT the whole protocol: \($0)" }
    for split in splits {
      var text = TextTable([
        "LEAVE ONE \(split.leftOut.rawValue.uppercased()) OUT", ">ACCURACY", ">F1", ">ACCELERATION", ">REGRET",
        ">GAP CLOSED", ">WITHIN 5%",
      ])
      for score in split.scores {
        text.add([
          Self.label(score.selector), figure(score.accuracy), figure(score.macroF1), figure(score.acceleration),
          figure(score.regret), score.closedGap.map(figure) ?? "-", figure(score.nearShare),
        ])
      }
      lines += ["", text.text()]
    }
    if let counts = splits.first?.bestCounts {
      let shares = zip(ProtocolMethod.allCases, counts).map { "\($0.rawValue) \($1)" }
      lines += ["", "best in so many contexts: \(shares.joined(separator: ", "))"]
    }
    return lines.joined(separator: "\n")
  }

  private func figure(_ value: Double) -> String { String(format: "%.3f", value) }

  func json() -> JSONValue {
    .object([
      ("protocol", "metainf"), ("objective", .string(table.objective.rawValue)),
      ("contexts", .int(table.contextCount)), ("incomplete_contexts", .int(table.incompleteCount)),
      ("models", .int(table.modelCount)), ("model_families", .int(table.familyCount)),
      ("nodes", JSONValue(strings: table.nodes)), ("shortfalls", JSONValue(strings: table.shortfalls)),
      (
        "splits",
        .array(
          splits.map { split in
            .object([
              ("leave_out", .string(split.leftOut.rawValue)),
              (
                "best_counts",
                .object(zip(ProtocolMethod.allCases, split.bestCounts).map { ($0.rawValue, .int($1)) })
              ), ("selectors", .array(split.scores.map(Self.json))),
            ])
          })
      ), ("default_selector", .string(TableSelectorCatalogue.defaultSelector.name)),
    ])
  }

  private static func json(_ score: ChoiceEvaluation.Score) -> JSONValue {
    .object([
      ("name", .string(score.selector)), ("accuracy", .double(score.accuracy)), ("f1_macro", .double(score.macroF1)),
      ("acceleration_ratio", .double(score.acceleration)), ("regret", .double(score.regret)),
      ("closed_gap_sbs", JSONValue(score.closedGap)), ("within_5pct_share", .double(score.nearShare)),
    ])
  }
}

import ExpertPlacement
import Foundation
import PlacementSelection

/// A recommendation of placements as text and JSON.
extension PlacementOutput {
  static func json(_ ranking: PlacementRanking) -> JSONValue {
    let expected = ranking.recommendedExpectedMS
    let (bound, perfectRouter) = (ranking.bounds?.lowerMS, ranking.bounds?.perfectRouterMS)
    return .object([
      ("recommended", JSONValue(ranking.recommended?.strategy)), ("expected_layer_ms", JSONValue(expected)),
      ("lower_bound_ms", JSONValue(bound)), ("perfect_router_ms", JSONValue(perfectRouter)),
      ("over_lower_bound", JSONValue(ratio(expected, bound))),
      ("over_perfect_router", JSONValue(ratio(expected, perfectRouter))),
      ("learned_problems", .int(ranking.learnedProblemCount)), ("race", JSONValue(strings: ranking.toRace)),
      ("drift", JSONValue(ranking.driftReason)), ("replacement", ranking.replacement.map { json($0) } ?? .null),
      (
        "strategies",
        .array(
          zip(ranking.planned, ranking.expectedMS).map { planned, expected in
            guard case .object(let members) = json(planned) else { return json(planned) }
            return .object(members + [("expected_layer_ms", JSONValue(expected))])
          })
      ),
      (
        "refused",
        .array(ranking.refused.map { .object([("strategy", .string($0.strategy)), ("reason", .string($0.reason))]) })
      ),
    ])
  }

  private static func json(_ replacement: PlacementRanking.Replacement) -> JSONValue {
    .object([
      ("strategy", .string(replacement.strategy)), ("decision", .string(replacement.decision.word)),
      ("move_bytes", .double(replacement.move.bytes)), ("move_ms", .double(replacement.move.seconds * 1e3)),
      ("saving_per_batch_ms", .double(replacement.savingMS)),
      ("break_even_batches", JSONValue(replacement.decision.breakEvenBatches)),
    ])
  }

  static func text(_ ranking: PlacementRanking) -> String {
    var lines = [table(ranking.planned)]
    if let chosen = ranking.recommended {
      var line = "recommended: \(chosen.strategy)"
      if let expected = ranking.recommendedExpectedMS {
        line += ", \(Figures.milliseconds(expected)) for a layer expected "
        line +=
          ranking.learnedProblemCount > 0
          ? "(cost model, corrected by \(ranking.learnedProblemCount) measured problems)" : "(cost model alone)"
      }
      lines.append(line)
    }
    if ranking.toRace.count > 1 {
      lines.append("measure for a few batches before choosing: " + ranking.toRace.joined(separator: ", "))
    }
    let expected = ranking.recommendedExpectedMS
    lines += limit("no placement is faster than", ranking.bounds?.lowerMS, expected)
    lines += limit("no router with any placement is faster than", ranking.bounds?.perfectRouterMS, expected)
    if let reason = ranking.driftReason { lines.append(reason) }
    if let replacement = ranking.replacement { lines.append(text(replacement)) }
    if !ranking.refused.isEmpty { lines.append("not planned:") }
    lines += ranking.refused.map { "  \($0.strategy): \($0.reason)" }
    return lines.joined(separator: "\n")
  }

  private static func text(_ replacement: PlacementRanking.Replacement) -> String {
    let megabytes = String(format: "%.0f MB", replacement.move.bytes / 1e6)
    let cost =
      "moving to \(replacement.strategy) sends \(megabytes) in \(Figures.milliseconds(replacement.move.seconds * 1e3))"
    guard let batches = replacement.decision.breakEvenBatches else {
      return "\(replacement.decision.word): \(cost) and saves nothing"
    }
    return
      "\(replacement.decision.word): \(cost), saves \(Figures.milliseconds(replacement.savingMS)) a batch and is repaid after "
      + String(format: "%.0f batches", batches.rounded(.up))
  }

  private static func limit(_ words: String, _ limitMS: Double?, _ expectedMS: Double?) -> [String] {
    guard let limitMS else { return [] }
    let gap = ratio(expectedMS, limitMS).map { String(format: ", %.2fx of it expected", $0) } ?? ""
    return ["\(words): \(Figures.milliseconds(limitMS))\(gap)"]
  }

  private static func ratio(_ value: Double?, _ limit: Double?) -> Double? {
    guard let value, let limit, limit > 0 else { return nil }
    return value / limit
  }
}

extension PlacementDecision {
  fileprivate var word: String {
    switch self {
    case .start: "start"
    case .move: "move"
    case .keep: "keep"
    }
  }

  fileprivate var breakEvenBatches: Double? {
    switch self {
    case .start: nil
    case .move(let batches): batches
    case .keep(let batches): batches
    }
  }
}

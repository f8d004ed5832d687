import Foundation
import Serving

/// Why a recommendation says what it says, as text and JSON.
enum ExplanationOutput {
  static func json(_ explanation: Explanation, of recommendation: Recommendation) -> JSONValue {
    func name(_ place: Int) -> JSONValue {
      let ranked = recommendation.candidates[place]
      return .object([
        ("strategy", .string(ranked.candidate.configuration.fingerprint)), ("node", .string(ranked.worker.rawValue)),
      ])
    }
    return .object([
      ("subject", name(explanation.subject)),
      (
        "contributions",
        .array(
          explanation.contributions.map {
            .object([
              ("name", .string($0.name)), ("value", JSONValue($0.value)), ("speedup_factor", .double($0.factor)),
            ])
          })
      ),
      ("runner_up", explanation.runnerUp.map(name) ?? .null),
      (
        "flips",
        .array(
          explanation.flips.map {
            .object([("what", .string($0.what)), ("from", .string($0.from)), ("to", .string($0.to))])
          })
      ),
      (
        "evidence",
        .array(
          explanation.evidence.map {
            .object([
              ("measurement", .string($0.measurement.rawValue)), ("started_at_ms", .int(Int($0.startedAtMS))),
              ("node", .string($0.worker.rawValue)), ("workload", .string($0.workload.name)),
              ("strategy", .string($0.configuration.fingerprint)), ("value", JSONValue($0.value)),
              ("is_here", .bool($0.isHere)),
            ])
          })
      ),
    ])
  }

  static func lines(
    _ explanation: Explanation, of recommendation: Recommendation, modelNames: [ModelID: String],
    now: Date = Date()
  ) -> [String] {
    func label(_ place: Int) -> String {
      let ranked = recommendation.candidates[place]
      return "\(ranked.candidate.configuration.label(modelNames: modelNames)) on \(ranked.worker)"
    }
    var lines: [String] = []
    if !explanation.contributions.isEmpty {
      lines.append("what makes the speed-up of \(label(explanation.subject)), factors multiplied:")
      for part in explanation.contributions {
        let value = part.value.map { String(format: " = %.4g", $0) } ?? ""
        lines.append(String(format: "  %.3fx  ", part.factor) + part.name + value)
      }
    }
    if let runnerUp = explanation.runnerUp {
      lines.append("runner-up: \(label(runnerUp))")
      lines.append(
        explanation.flips.isEmpty ? "  nothing looked at would make it the choice" : "  it would be the choice with")
      for flip in explanation.flips { lines.append("    \(flip.what) \(flip.to) (now \(flip.from))") }
    }
    if !explanation.evidence.isEmpty {
      lines.append("nearest evidence:")
      for note in explanation.evidence {
        let age = Figures.age(sinceMS: note.startedAtMS, now: now)
        let value = note.value.map { String(format: "%.4g", $0) } ?? "failed"
        lines.append(
          "  \(note.measurement), \(age) ago: \(note.configuration.label(modelNames: modelNames)) on \(note.worker), "
            + "\(note.workload.name)\(note.isHere ? ", exactly this context" : ""): \(value)")
      }
    }
    return lines
  }
}

extension Figures {
  /// How long ago something was, in its largest unit.
  fileprivate static func age(sinceMS start: Int64, now: Date) -> String {
    let seconds = max(0, now.timeIntervalSince1970 - Double(start) / 1000)
    switch seconds {
    case ..<120: return "\(Int(seconds)) s"
    case ..<7200: return "\(Int(seconds / 60)) min"
    case ..<172_800: return "\(Int(seconds / 3600)) h"
    default: return "\(Int(seconds / 86_400)) days"
    }
  }
}

import Foundation
import Serving

/// What a configuration loses of a model's output, as text and JSON.
enum QualityOutput {
  static func json(_ loss: QualityLoss?) -> JSONValue {
    guard let loss else { return .null }
    return .object([
      ("divergence_nats_per_token", JSONValue(loss.divergence)), ("top_agreement", .double(loss.topAgreement)),
      ("decisive_mismatch_count", .int(loss.decisiveMismatchCount)), ("position_count", .int(loss.positionCount)),
      ("perplexity", JSONValue(loss.perplexity)), ("reference_perplexity", JSONValue(loss.referencePerplexity)),
      ("probe_version", .int(loss.probeVersion)),
    ])
  }

  /// Cells for the columns loss, same tokens and perplexity; the last against the default's.
  static func cells(_ loss: QualityLoss?) -> [String] {
    guard let loss else { return ["not measured", "-", "-"] }
    return [
      nats(loss.divergence), String(format: "%.1f%%", 100 * loss.topAgreement),
      perplexities(loss.perplexity, against: loss.referencePerplexity),
    ]
  }

  /// The cell of a recommendation's column: what a candidate loses, if anything.
  static func cell(_ ranked: RankedCandidate) -> String {
    guard ranked.candidate.fidelity == .approximate else { return "" }
    return ranked.quality.map { nats($0.divergence) } ?? "not measured"
  }

  private static func nats(_ divergence: Double?) -> String {
    guard let divergence else { return "-" }
    return divergence == 0 ? "0" : String(format: divergence < 0.001 ? "%.1e" : "%.4f", divergence)
  }

  private static func perplexities(_ own: Double?, against reference: Double?) -> String {
    guard let own, let reference else { return "-" }
    return String(format: "%.4g vs %.4g", own, reference)
  }
}

public import Serving

/// A small model drafts tokens, the asked one verifies them in one pass.
///
/// The output distribution is kept (theorem 1 of the paper). Measured with llama.cpp: 1.4 times on a dense model's
/// chat, nothing on a mixture of experts, as verifying several tokens touches several times the experts.
public struct DraftModelSpeculation: AccelerationMethod {
  static let methodName = MethodName("draft-model-speculation")
  /// A draft must be this many times cheaper for each token.
  static let leastCostRatio = 4
  /// Drafts proposed when the node has more; the cheapest ones.
  static let mostDrafts = 2
  /// Most tokens drafted, and where the engine can stop a draft early, the probability below which it does.
  static let drafts: [(length: Int, leastProbability: Double?)] = [(3, nil), (8, 0.5)]

  public let name = methodName
  public let summary =
    "A small model drafts tokens that the model verifies in one pass (Leviathan et al., ICML 2023)."
  public let fidelity = Fidelity.exact
  public let knobs: Set<KnobName> = [.speculation, .draftModel, .draftTokens, .draftMinProbability]

  public init() {}

  public func settings(in context: AccelerationContext) -> [MethodSetting] {
    let model = context.model
    guard !model.vocabularyFingerprint.isEmpty else {
      return [
        .refused(
          "\(model.name) does not say its vocabulary, so no draft model can be matched to it")
      ]
    }
    let kin = context.available.filter {
      $0.id != model.id && $0.eagleVersion == 0 && $0.vocabularyFingerprint == model.vocabularyFingerprint
    }
    guard !kin.isEmpty else {
      return [.refused("no other model here has the vocabulary of \(model.name)")]
    }
    let drafts = kin.filter {
      $0.activeParameterCount > 0
        && $0.activeParameterCount <= model.activeParameterCount / Self.leastCostRatio
    }
    guard !drafts.isEmpty else {
      return [
        .refused(
          "no model with its vocabulary has at most a quarter of its \(model.activeParameterCount) active weights"
        )
      ]
    }
    let cheapest = drafts.sorted { ($0.activeWeightBytes, $0.id) < ($1.activeWeightBytes, $1.id) }
    let canStopEarly = context.abilities.knobs.contains(.draftMinProbability)
    return cheapest.prefix(Self.mostDrafts).flatMap { draft in
      Self.drafts.map { shape in
        var knobs: [KnobName: KnobValue] = [
          .speculation: .text("draft-model"), .draftModel: .text(draft.id.rawValue),
          .draftTokens: .int(shape.length),
        ]
        if canStopEarly, let least = shape.leastProbability { knobs[.draftMinProbability] = .double(least) }
        return MethodSetting(knobs)
      }
    }
  }
}

public import Serving

/// The model's own multi-token-prediction layers draft, the model verifies.
///
/// Only models trained with such layers have them, and their files say how many there are. Each layer drafts one token; an
/// engine that is asked for more goes round them again, in whole rounds.
public struct MTPSpeculation: AccelerationMethod {
  static let methodName = MethodName("mtp-speculation")
  /// Rounds over the layers: published models have one or two, each good for a token or so.
  static let rounds = [1, 3]
  /// Drafts longer than this are never worth their verification; chosen.
  static let mostDrafted = 16

  public let name = methodName
  public let summary =
    "The model's own next-token layers draft (DeepSeek-V3 report, 2024, section 2.2; llama.cpp draft-mtp; vLLM mtp)."
  public let fidelity = Fidelity.exact
  public let knobs: Set<KnobName> = [.speculation, .draftTokens]

  public init() {}

  public func settings(in context: AccelerationContext) -> [MethodSetting] {
    let layers = context.model.mtpLayerCount
    guard layers > 0 else { return [.refused("\(context.model.name) has no multi-token-prediction layers")] }
    return Set(Self.rounds.map { min($0 * layers, Self.mostDrafted) }).sorted().map {
      MethodSetting([.speculation: .text("mtp"), .draftTokens: .int($0)])
    }
  }
}

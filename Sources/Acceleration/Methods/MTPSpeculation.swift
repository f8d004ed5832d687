public import Serving

/// The model's own multi-token-prediction layers draft, the model verifies.
///
/// Only models trained with such layers have them. Which do is known by their architecture, as their files say it:
/// the ones whose loaders in llama.cpp read `nextn_predict_layers`.
public struct MTPSpeculation: AccelerationMethod {
  static let methodName = MethodName("mtp-speculation")
  /// Published models have one or two such layers, each good for a token or so.
  static let draftLengths = [1, 3]
  static let architectures: Set<String> = [
    "deepseek2", "deepseek32", "deepseek4", "glm4moe", "glm-dsa", "mimo2", "qwen3next", "qwen35", "qwen35moe", "step35",
    "deepseek_v3", "glm4_moe", "mimo", "qwen3_next",
  ]

  public let name = methodName
  public let summary =
    "The model's own next-token layers draft (DeepSeek-V3 report, 2024, section 2.2; llama.cpp draft-mtp; vLLM mtp)."
  public let fidelity = Fidelity.exact
  public let knobs: Set<KnobName> = [.speculation, .draftTokens]

  public init() {}

  public func settings(in context: AccelerationContext) -> [MethodSetting] {
    guard Self.architectures.contains(context.model.architecture.lowercased()) else {
      return [
        .refused(
          "\(context.model.name) is of architecture \(context.model.architecture), which has no multi-token-prediction layers"
        )
      ]
    }
    return Self.draftLengths.map {
      MethodSetting([.speculation: .text("mtp"), .draftTokens: .int($0)])
    }
  }
}

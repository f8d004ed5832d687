public import Serving

/// A head that was trained on the model's own hidden states drafts tokens, the model verifies them.
///
/// Such a head is a file of its own (architecture `eagle3` in GGUF), made for one model: it has that model's vocabulary.
public struct EagleSpeculation: AccelerationMethod {
  static let methodName = MethodName("eagle-speculation")
  static let draftLengths = [3, 5]
  /// How files of such heads name their architecture: GGUF, and Hugging Face's config.json.
  static let architectures: Set<String> = ["eagle3", "eagle", "llamaforcausallmeagle3", "eagle3llamaforcausallm"]

  public let name = methodName
  public let summary =
    "A head trained on the model's hidden states drafts (EAGLE-3, NeurIPS 2025; llama.cpp draft-eagle3; vLLM eagle3)."
  public let fidelity = Fidelity.exact
  public let knobs: Set<KnobName> = [.speculation, .draftModel, .draftTokens]

  public init() {}

  static func isHead(_ model: ModelProfile) -> Bool { architectures.contains(model.architecture.lowercased()) }

  public func settings(in context: AccelerationContext) -> [MethodSetting] {
    let model = context.model
    let heads = context.available.filter {
      Self.isHead($0) && $0.id != model.id && !model.vocabularyFingerprint.isEmpty
        && $0.vocabularyFingerprint == model.vocabularyFingerprint
    }
    guard let head = heads.min(by: { $0.id < $1.id }) else {
      return [.refused("no EAGLE head for \(model.name) is here")]
    }
    return Self.draftLengths.map {
      MethodSetting([
        .speculation: .text("eagle"), .draftModel: .text(head.id.rawValue), .draftTokens: .int($0),
      ])
    }
  }
}

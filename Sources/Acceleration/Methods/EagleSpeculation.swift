public import Serving

/// A head that was trained on the model's own hidden states drafts tokens, the model verifies them.
///
/// Such a head is a file or folder of its own, made for one model: it reads hidden states of that model's size, and has its
/// vocabulary, of which one that comes without a tokenizer says the size only. llama.cpp dies of a head for hidden states of
/// another size (measured), which models of one family with one vocabulary have.
public struct EagleSpeculation: AccelerationMethod {
  static let methodName = MethodName("eagle-speculation")
  static let draftLengths = [3, 5]
  /// What every engine's adapter asks for: heads of EAGLE and EAGLE-2 have other layers.
  static let version = 3

  public let name = methodName
  public let summary =
    "A head trained on the model's hidden states drafts (EAGLE-3, NeurIPS 2025; llama.cpp draft-eagle3; vLLM eagle3)."
  public let fidelity = Fidelity.exact
  public let knobs: Set<KnobName> = [.speculation, .draftModel, .draftTokens]

  public init() {}

  public func settings(in context: AccelerationContext) -> [MethodSetting] {
    let model = context.model
    let heads = context.available.filter { $0.id != model.id && Self.fits($0, model) }.sorted { $0.id < $1.id }
    guard let first = heads.first else { return [.refused("no EAGLE head for \(model.name) is here")] }
    guard let head = heads.first(where: { $0.eagleVersion == Self.version }) else {
      return [.refused("\(first.name) is a head of EAGLE-\(first.eagleVersion), and engines are asked for EAGLE-3")]
    }
    return Self.draftLengths.map {
      MethodSetting([
        .speculation: .text("eagle"), .draftModel: .text(head.id.rawValue), .draftTokens: .int($0),
      ])
    }
  }

  private static func fits(_ head: ModelProfile, _ model: ModelProfile) -> Bool {
    guard head.eagleVersion > 0, head.hiddenSize == model.hiddenSize else { return false }
    guard !head.vocabularyFingerprint.isEmpty, !model.vocabularyFingerprint.isEmpty else {
      return head.vocabularySize == model.vocabularySize
    }
    return head.vocabularyFingerprint == model.vocabularyFingerprint
  }
}

public import Serving

/// Drafts by looking up where the last few tokens occurred before.
///
/// Costs nothing to draft, and pays where the output repeats the prompt: measured 1.3 times on a repetitive edit,
/// nothing on chat. Short look-ups found far more than the engine's default of 12 tokens.
public struct NgramSpeculation: AccelerationMethod {
  static let methodName = MethodName("n-gram-speculation")
  static let shapes: [(size: Int, drafted: Int)] = [(3, 8), (4, 16)]

  public let name = methodName
  public let summary =
    "Drafts what followed the same tokens earlier in the text (prompt lookup decoding; llama.cpp ngram-simple)."
  public let fidelity = Fidelity.exact
  public let knobs: Set<KnobName> = [.speculation, .ngramSize, .draftTokens]

  public init() {}

  public func settings(in context: AccelerationContext) -> [MethodSetting] {
    Self.shapes.map {
      MethodSetting([
        .speculation: .text("n-gram"), .ngramSize: .int($0.size), .draftTokens: .int($0.drafted),
      ])
    }
  }
}

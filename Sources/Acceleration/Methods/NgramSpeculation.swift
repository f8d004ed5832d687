public import Serving

/// Drafts by looking up where the last few tokens occurred before.
///
/// Costs nothing to draft, and pays where the output repeats the prompt: measured 1.3 times on a repetitive edit,
/// nothing on chat. Short look-ups found far more than the engine's default of 12 tokens. Beside the plain search
/// backwards there is a map that remembers where each n-gram was, and a cache that counts what followed it.
public struct NgramSpeculation: AccelerationMethod {
  static let methodName = MethodName("n-gram-speculation")
  static let shapes: [(size: Int, drafted: Int)] = [(3, 8), (4, 16)]
  /// Outputs that repeat less than this give the slower look-ups nothing to find that the plain one does not; chosen.
  static let leastRepeated = 0.3

  public let name = methodName
  public let summary =
    "Drafts what followed the same tokens earlier (prompt lookup decoding; llama.cpp ngram-simple, -map-k, -cache)."
  public let fidelity = Fidelity.exact
  public let knobs: Set<KnobName> = [.speculation, .ngramSize, .draftTokens]

  public init() {}

  public func settings(in context: AccelerationContext) -> [MethodSetting] {
    let plain = Self.shapes.map { shape in
      var knobs: [KnobName: KnobValue] = [.speculation: .text("n-gram"), .draftTokens: .int(shape.drafted)]
      // Some engines choose the length of the match themselves.
      if context.abilities.knobs.contains(.ngramSize) { knobs[.ngramSize] = .int(shape.size) }
      return MethodSetting(knobs)
    }
    // Engines that say nothing of the kind know the plain look-up only.
    guard let kinds = context.abilities.choices[.speculation], kinds.isSuperset(of: ["n-gram-map", "n-gram-cache"])
    else { return plain }
    let share = context.workload.repetitiveness
    let reason: String? =
      share < Self.leastRepeated
      ? "\(Int((share * 100).rounded()))% of the output repeats earlier text, which the plain look-up finds as well"
      : nil
    return plain + [
      MethodSetting(
        [.speculation: .text("n-gram-map"), .ngramSize: .int(3), .draftTokens: .int(8)], refusedReason: reason),
      MethodSetting([.speculation: .text("n-gram-cache")], refusedReason: reason),
    ]
  }
}

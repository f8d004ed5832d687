import Serving

/// The fixed prompts and the fixed text of a quality probe: the same for every configuration of a model, on every
/// machine, because they depend on nothing but the model's tokenizer.
///
/// Eight prompts, behind each of which 32 tokens are generated: 256 positions. Half are 24 tokens of loose words; half
/// are 48 tokens, mostly a document that begins once more at the end, because n-gram speculation and prefix reuse only
/// show what they do where something repeats.
package enum QualityPrompts {
  package static let promptCount = plain.requestCount + repeating.requestCount
  package static let scoredTokens = 32
  /// Tokens of the text whose log-probabilities give the perplexity, at most.
  package static let textTokens = 96
  /// Fewer positions say too little: two prompts.
  package static let leastPositions = 2 * scoredTokens

  private static let plain = Workload(
    name: "quality", promptTokens: 24...24, outputTokens: scoredTokens...scoredTokens, requestCount: 4)
  private static let repeating = Workload(
    name: "quality", promptTokens: 48...48, outputTokens: scoredTokens...scoredTokens, repetitiveness: 0.9,
    requestCount: 4)
  /// Chosen once; another one is another probe version.
  private static let seed: UInt64 = 0x4150_5553

  /// Token ids of each prompt.
  package static func prompts(of tokens: TokenSource) -> [[Int32]] {
    [plain, repeating].flatMap { workload in
      PromptGenerator(workload: workload, seed: seed).requests(of: tokens).compactMap { request in
        if case .tokens(let ids) = request.prompt { ids } else { nil }
      }
    }
  }

  /// Plain English that no model was trained on, written for this probe.
  package static let text = """
    The ferry left the old stone harbour a little after six, when the fog had thinned enough for the pilot to see the \
    second buoy. Only four people were on deck. A teacher on her way to the island school read the same letter three \
    times, folded it and put it back into her coat. Two brothers argued quietly about the price of apples. The fourth \
    passenger, a tall man with a toolbox, watched the water as if it owed him an answer. He had repaired the lighthouse \
    twice before, in the spring of the flood and again last winter, and he knew that the lamp was not what had failed. \
    Somebody had turned it off.
    """
}

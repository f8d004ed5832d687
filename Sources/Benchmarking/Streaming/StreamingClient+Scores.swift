import Engines

/// Answers with log-probabilities, and answers that are forced: what a quality probe asks. llama.cpp's dialect only.
///
/// How its `/completion` behaves (read in its source, seen with xllamacpp 2026.10.11549): `n_probs` gives for each token
/// the most probable ones with logarithms of the softmax over the raw logits, before any sampler, unless
/// `post_sampling_probs` is asked for; `logit_bias` acts on the samplers alone. So a token that is forced by a bias still
/// has its true probability. Prompts have no log-probabilities of their own, and `echo` is ignored.
extension StreamingClient {
  /// Generates greedily behind a prompt, past the end of the sequence, and waits for the whole answer.
  ///
  /// - Parameters:
  ///   - alternatives: how many of the most probable tokens are wanted at each place; 0 for none.
  ///   - forced: the token to generate in any case; nil for the most probable one.
  /// - Returns: as many tokens as were asked for.
  /// - Throws: `invalidAnswer` when the engine gave fewer, or no log-probabilities where they were asked for at all.
  package func score(
    prompt: [Int32], maxTokens: Int, alternatives: Int, forced: Int32? = nil, at endpoint: EngineEndpoint
  ) async throws(RequestFailure) -> [ScoredToken] {
    guard endpoint.dialect == .llamaCpp else {
      throw .invalidAnswer("engines of this dialect give no log-probabilities by token id")
    }
    let question = ScoreQuestion(
      prompt: prompt, maxTokens: maxTokens, alternatives: alternatives,
      biases: forced.map { [[Double($0), ScoreQuestion.forcingBias]] })
    let answer: ScoreAnswer = try await ask(question, at: endpoint.baseURL + LlamaCppDialect.path)
    let scored = try answer.scored(alternatives: alternatives)
    guard scored.count == maxTokens else {
      throw .invalidAnswer("\(scored.count) tokens came where \(maxTokens) were asked for")
    }
    if let forced, scored[0].token != forced {
      throw .invalidAnswer("the engine does not heed logit_bias: token \(scored[0].token) came in place of \(forced)")
    }
    return scored
  }
}

private struct ScoreQuestion: Encodable {
  /// More than any two logits differ by.
  static let forcingBias = 1e4

  var prompt: [Int32]
  var maxTokens: Int
  var alternatives: Int
  /// Pairs of a token and what is added to its logit.
  var biases: [[Double]]?
  var temperature = 0.0
  var ignoresEndOfSequence = true
  var returnsTokens = true
  var responseFields = ["tokens", "completion_probabilities"]

  private enum CodingKeys: String, CodingKey {
    case prompt, temperature
    case maxTokens = "n_predict"
    case alternatives = "n_probs"
    case biases = "logit_bias"
    case ignoresEndOfSequence = "ignore_eos"
    case returnsTokens = "return_tokens"
    case responseFields = "response_fields"
  }
}

private struct ScoreAnswer: Decodable {
  struct Alternative: Decodable {
    var id: Int32
    var logprob: Double
  }

  struct Place: Decodable {
    var id: Int32
    var logprob: Double
    var alternatives: [Alternative]?

    private enum CodingKeys: String, CodingKey {
      case id, logprob
      case alternatives = "top_logprobs"
    }
  }

  var tokens: [Int32]
  var places: [Place]?

  private enum CodingKeys: String, CodingKey {
    case tokens
    case places = "completion_probabilities"
  }

  func scored(alternatives: Int) throws(RequestFailure) -> [ScoredToken] {
    guard alternatives > 0 else {
      return tokens.map { ScoredToken(token: $0, log: 0, distribution: TokenDistribution([])) }
    }
    guard let places, places.count == tokens.count, places.first?.alternatives?.isEmpty == false else {
      throw .invalidAnswer("the engine gave no log-probabilities")
    }
    return places.map { place in
      ScoredToken(
        token: place.id, log: place.logprob,
        distribution: TokenDistribution((place.alternatives ?? []).map { ($0.id, $0.logprob) }))
    }
  }
}

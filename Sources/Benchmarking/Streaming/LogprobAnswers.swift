import Serving

/// A token as engines write it, in llama.cpp's `completion_probabilities` and in OpenAI's chats.
private struct WrittenLogprob: Decodable {
  var token: String?
  var bytes: [UInt8]?
  var logprob: Double
  var alternatives: [WrittenLogprob]?

  private enum CodingKeys: String, CodingKey {
    case token, bytes, logprob
    case alternatives = "top_logprobs"
  }

  var read: TokenLogprob { TokenLogprob(alternative, alternatives: (alternatives ?? []).map(\.alternative)) }

  private var alternative: TokenLogprob.Alternative {
    let given = bytes ?? []
    return .init(bytes: given.isEmpty ? Array((token ?? "").utf8) : given, logprob: logprob)
  }
}

/// The log-probabilities of one event of llama.cpp's `/completion`.
struct LlamaCppLogprobs: Decodable {
  let tokens: [TokenLogprob]

  init(from decoder: any Decoder) throws {
    let written = try decoder.singleValueContainer().decode([WrittenLogprob].self)
    // Of a token that was drafted the engine says nothing, which it writes as a probability of 1 without alternatives.
    tokens = written.filter { $0.alternatives?.isEmpty == false }.map(\.read)
  }
}

/// The log-probabilities of one event of OpenAI's routes, in the words of a chat or of a completion. What is neither is
/// none: servers that are not asked for them write what they like there.
struct OpenAILogprobs: Decodable {
  private enum CodingKeys: String, CodingKey {
    case content, tokens
    case logprobs = "token_logprobs"
    case alternatives = "top_logprobs"
  }

  let tokens: [TokenLogprob]

  init(from decoder: any Decoder) {
    let values = try? decoder.container(keyedBy: CodingKeys.self)
    if let content = try? values?.decode([WrittenLogprob].self, forKey: .content) {
      tokens = content.map(\.read)
      return
    }
    let texts = (try? values?.decode([String].self, forKey: .tokens)) ?? []
    let logprobs = (try? values?.decode([Double?].self, forKey: .logprobs)) ?? []
    let alternatives = (try? values?.decode([[String: Double]?].self, forKey: .alternatives)) ?? []
    tokens = zip(texts, logprobs).enumerated().map { place, token in
      let others = place < alternatives.count ? alternatives[place] ?? [:] : [:]
      return TokenLogprob(
        Self.named(token.0, token.1 ?? TokenLogprob.least),
        // The most probable first; equal ones by their text, so that the order is always the same.
        alternatives: others.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { Self.named($0.key, $0.value) })
    }
  }

  private static func named(_ text: String, _ logprob: Double) -> TokenLogprob.Alternative {
    .init(bytes: Array(text.utf8), logprob: logprob)
  }
}

import Serving

extension JSONText {
  /// The `logprobs` of a choice; null where nothing is known.
  ///
  /// - Parameter offset: characters of the answer before these tokens.
  mutating func logprobs(_ tokens: [TokenLogprob], isChat: Bool, from offset: Int) {
    if tokens.isEmpty {
      raw("null")
    } else if isChat {
      chat(tokens)
    } else {
      completion(tokens, from: offset)
    }
  }

  private mutating func chat(_ tokens: [TokenLogprob]) {
    raw(#"{"content":"#)
    array(tokens) { text, token in
      text.members(of: token.token)
      text.raw(#","top_logprobs":"#)
      text.array(token.alternatives) { text, alternative in
        text.members(of: alternative)
        text.raw("}")
      }
      text.raw("}")
    }
    raw(#","refusal":null}"#)
  }

  /// An object that is not closed yet.
  private mutating func members(of token: TokenLogprob.Alternative) {
    raw(#"{"token":"#)
    string(token.text)
    raw(#","logprob":"#)
    number(token.logprob)
    raw(#","bytes":"#)
    array(token.bytes) { $0.number(Int($1)) }
  }

  private mutating func completion(_ tokens: [TokenLogprob], from offset: Int) {
    raw(#"{"tokens":"#)
    array(tokens) { $0.string($1.token.text) }
    raw(#","token_logprobs":"#)
    array(tokens) { $0.number($1.token.logprob) }
    raw(#","top_logprobs":"#)
    if tokens.allSatisfy(\.alternatives.isEmpty) {
      raw("null")
    } else {
      array(tokens) { $0.alternatives(of: $1) }
    }
    raw(#","text_offset":"#)
    var offset = offset
    array(tokens) { text, token in
      text.number(offset)
      offset += token.token.text.unicodeScalars.count
    }
    raw("}")
  }

  /// An object from text to log-probability. The token itself is always in it; parts of characters read alike, and the
  /// most probable of them stands for all.
  private mutating func alternatives(of token: TokenLogprob) {
    raw("{")
    var written: Set<String> = []
    for alternative in token.alternatives + [token.token] where written.insert(alternative.text).inserted {
      if written.count > 1 { raw(",") }
      string(alternative.text)
      raw(":")
      number(alternative.logprob)
    }
    raw("}")
  }
}

extension TokenLogprob.Alternative {
  fileprivate var text: String { String(decoding: bytes, as: UTF8.self) }
}

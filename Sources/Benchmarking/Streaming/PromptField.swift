/// A prompt in a request's JSON: a text, or a list of token ids.
enum PromptField: Encodable {
  case tokens([Int32])
  case text(String)

  func encode(to encoder: any Encoder) throws {
    var value = encoder.singleValueContainer()
    switch self {
    case .tokens(let ids): try value.encode(ids)
    case .text(let text): try value.encode(text)
    }
  }
}

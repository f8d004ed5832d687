/// An error as llama.cpp and OpenAI's routes write it.
struct EngineError: Decodable {
  var code: Int?
  var message: String?
  var type: String?
  var promptTokens: Int?
  var contextTokens: Int?

  private enum Key: String, CodingKey {
    case code, message, type
    case promptTokens = "n_prompt_tokens"
    case contextTokens = "n_ctx"
  }

  init(from decoder: any Decoder) throws {
    // Some engines answer with a bare sentence, some with a text where llama.cpp has a number.
    if let text = try? decoder.singleValueContainer().decode(String.self) {
      message = text
      return
    }
    let values = try decoder.container(keyedBy: Key.self)
    code = try? values.decodeIfPresent(Int.self, forKey: .code)
    message = try? values.decodeIfPresent(String.self, forKey: .message)
    type = try? values.decodeIfPresent(String.self, forKey: .type)
    promptTokens = try? values.decodeIfPresent(Int.self, forKey: .promptTokens)
    contextTokens = try? values.decodeIfPresent(Int.self, forKey: .contextTokens)
  }
}

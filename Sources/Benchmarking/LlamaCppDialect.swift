import FoundationEssentials
import NIOCore
import Serving

/// llama.cpp's `/completion`, written and read.
///
/// What its stream does not say in words: an event carries the id of one token only, also when several tokens together
/// make one character (their text is held back until it is whole). `tokens_predicted` counts them all, so the ids that
/// never came are given as unknown.
struct LlamaCppDialect {
  static let path = "/completion"

  static func body(_ request: GenerationRequest) throws(RequestFailure) -> [UInt8] {
    let prompt: PromptField
    switch request.prompt {
    case .tokens(let ids): prompt = .tokens(ids)
    case .text(let text): prompt = .text(text)
    case .chat: throw .invalidAnswer("chat messages must go through the engine's template first")
    }
    return try JSONBody.encode(
      Body(
        prompt: prompt, n_predict: request.maxTokens, temperature: request.temperature,
        // The engine takes 32 bits and reads all ones as "any".
        seed: UInt32(truncatingIfNeeded: request.seed) & 0x7fff_ffff, ignore_eos: request.ignoresEndOfSequence))
  }

  private var predictedCount = 0

  init() {}

  /// Reads one event of the stream.
  mutating func read(_ payload: ByteBuffer) throws(RequestFailure) -> StreamEvent {
    let event: Event = try JSONBody.decode(payload)
    if let error = event.error { throw Self.failure(status: error.code ?? 500, error) }
    let named = event.tokens ?? []
    let predicted = event.tokens_predicted ?? predictedCount + named.count
    let unnamed = max(0, predicted - predictedCount - named.count)
    // An engine that miscounts must not make us hold a billion tokens.
    guard unnamed <= 64 else { throw .invalidAnswer("\(unnamed) tokens came in one event") }
    predictedCount = max(predictedCount + named.count, predicted)
    let ids = Array(repeating: TokenArrival.unknownToken, count: unnamed) + named
    guard event.stop == true else { return StreamEvent(tokenIDs: ids, text: event.content ?? "", end: nil) }
    return StreamEvent(tokenIDs: ids, text: event.content ?? "", end: end(event))
  }

  private func end(_ event: Event) -> GenerationEnd {
    let reason: GenerationEnd.Reason =
      switch event.stop_type {
      case "eos", "word": .endOfSequence
      default: .length
      }
    return GenerationEnd(
      reason: reason, promptTokenCount: event.tokens_evaluated ?? 0, outputTokenCount: predictedCount,
      cachedTokenCount: event.timings?.cache_n, draftedTokenCount: event.timings?.draft_n,
      acceptedTokenCount: event.timings?.draft_n_accepted, promptMS: event.timings?.prompt_ms)
  }

  /// The failure an error object stands for.
  static func failure(status: Int, _ error: EngineError) -> RequestFailure {
    if error.type == "exceed_context_size_error" {
      return .promptTooLong(promptTokens: error.n_prompt_tokens, contextTokens: error.n_ctx)
    }
    return .refused(status: status, message: error.message ?? "no message")
  }

  private enum PromptField: Encodable {
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

  // Names as on the wire. `cache_prompt` is left out: whether prefixes are kept is the configuration's choice, not the
  // request's.
  private struct Body: Encodable {
    var prompt: PromptField
    var n_predict: Int
    var temperature: Double
    var seed: UInt32
    var ignore_eos: Bool
    var stream = true
    var return_tokens = true
    /// Without it the last event repeats the prompt and every sampling option.
    var response_fields = [
      "content", "tokens", "stop", "stop_type", "tokens_predicted", "tokens_evaluated", "timings",
    ]
  }

  private struct Event: Decodable {
    var content: String?
    var tokens: [Int32]?
    var stop: Bool?
    var stop_type: String?
    var tokens_predicted: Int?
    var tokens_evaluated: Int?
    var timings: Timings?
    var error: EngineError?
  }

  private struct Timings: Decodable {
    var cache_n: Int?
    var prompt_ms: Double?
    var draft_n: Int?
    var draft_n_accepted: Int?
  }
}

/// An error as llama.cpp and OpenAI's routes write it.
struct EngineError: Decodable {
  var code: Int?
  var message: String?
  var type: String?
  var n_prompt_tokens: Int?
  var n_ctx: Int?

  private enum Key: String, CodingKey { case code, message, type, n_prompt_tokens, n_ctx }

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
    n_prompt_tokens = try? values.decodeIfPresent(Int.self, forKey: .n_prompt_tokens)
    n_ctx = try? values.decodeIfPresent(Int.self, forKey: .n_ctx)
  }
}

/// What one event of a stream said, in either dialect.
struct StreamEvent {
  var tokenIDs: [Int32]
  var text: String
  var end: GenerationEnd?
}

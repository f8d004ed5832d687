import FoundationEssentials
import Serving

/// `/v1/completions` and `/v1/chat/completions`, written and read.
///
/// The stream names no token ids, so they are given as unknown, one for each event that carries text. The usage at the
/// end is the engine's own count: an engine that puts several tokens into one event is corrected by it.
struct OpenAIDialect {
  static func path(_ request: GenerationRequest) -> String {
    if case .chat = request.prompt { "/v1/chat/completions" } else { "/v1/completions" }
  }

  static func body(_ request: GenerationRequest, servedModel: String) throws(RequestFailure) -> [UInt8] {
    var body = Body(
      model: servedModel, tokenLimit: request.maxTokens, temperature: request.temperature,
      seed: Int64(request.seed & 0x7fff_ffff), ignoresEndOfSequence: request.ignoresEndOfSequence ? true : nil)
    switch request.prompt {
    case .text(let text): body.prompt = text
    case .chat(let messages): body.messages = messages
    case .tokens: throw .invalidAnswer("this engine takes text, not token ids")
    }
    // A chat that ends with the assistant's own words is to be gone on with, not answered (vLLM's words for it).
    if body.messages?.last?.role == "assistant" {
      body.continuesFinalMessage = true
      body.addsGenerationPrompt = false
    }
    return try JSONBody.encode(body)
  }

  private var eventCount = 0
  private var finish: String?
  private var usage: Usage?
  private var timings: Timings?

  init() {}

  /// Reads one event; `[DONE]` gives the end.
  mutating func read(_ payload: ArraySlice<UInt8>) throws(RequestFailure) -> StreamEvent {
    if payload.elementsEqual("[DONE]".utf8) {
      return StreamEvent(tokenIDs: [], text: "", end: end)
    }
    let event: Event = try JSONBody.decode(payload)
    if let error = event.error { throw LlamaCppDialect.failure(status: error.code ?? 500, error) }
    usage = event.usage ?? usage
    timings = event.timings ?? timings
    guard let choice = event.choices?.first else { return StreamEvent(tokenIDs: [], text: "", end: nil) }
    finish = choice.finishReason ?? finish
    let text = choice.text ?? choice.delta?.content ?? ""
    if text.isEmpty { return StreamEvent(tokenIDs: [], text: "", end: nil) }
    eventCount += 1
    return StreamEvent(tokenIDs: [TokenArrival.unknownToken], text: text, end: nil)
  }

  private var end: GenerationEnd {
    GenerationEnd(
      reason: finish == "stop" ? .endOfSequence : .length, promptTokenCount: usage?.promptTokens ?? 0,
      outputTokenCount: usage?.completionTokens ?? eventCount,
      cachedTokenCount: usage?.promptDetails?.cachedTokens, draftedTokenCount: timings?.draftedCount,
      acceptedTokenCount: timings?.acceptedCount, promptMS: timings?.promptMS)
  }

  private struct Body: Encodable {
    var model: String
    var prompt: String?
    var messages: [ChatMessage]?
    var tokenLimit: Int
    var temperature: Double
    var seed: Int64
    var stream = true
    var streamOptions = ["include_usage": true]
    var ignoresEndOfSequence: Bool?
    var continuesFinalMessage: Bool?
    var addsGenerationPrompt: Bool?

    private enum CodingKeys: String, CodingKey {
      case model, prompt, messages, temperature, seed, stream
      case tokenLimit = "max_tokens"
      case streamOptions = "stream_options"
      case ignoresEndOfSequence = "ignore_eos"
      case continuesFinalMessage = "continue_final_message"
      case addsGenerationPrompt = "add_generation_prompt"
    }
  }

  private struct Event: Decodable {
    var choices: [Choice]?
    var usage: Usage?
    var timings: Timings?
    var error: EngineError?
  }

  private struct Choice: Decodable {
    var text: String?
    var delta: Delta?
    var finishReason: String?

    private enum CodingKeys: String, CodingKey {
      case text, delta
      case finishReason = "finish_reason"
    }
  }

  private struct Delta: Decodable { var content: String? }

  private struct Usage: Decodable {
    var promptTokens: Int?
    var completionTokens: Int?
    var promptDetails: PromptDetails?

    private enum CodingKeys: String, CodingKey {
      case promptTokens = "prompt_tokens"
      case completionTokens = "completion_tokens"
      case promptDetails = "prompt_tokens_details"
    }
  }

  private struct PromptDetails: Decodable {
    var cachedTokens: Int?

    private enum CodingKeys: String, CodingKey { case cachedTokens = "cached_tokens" }
  }

  private struct Timings: Decodable {
    var promptMS: Double?
    var draftedCount: Int?
    var acceptedCount: Int?

    private enum CodingKeys: String, CodingKey {
      case promptMS = "prompt_ms"
      case draftedCount = "draft_n"
      case acceptedCount = "draft_n_accepted"
    }
  }
}

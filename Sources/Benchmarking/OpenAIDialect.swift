import FoundationEssentials
import NIOCore
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
      model: servedModel, max_tokens: request.maxTokens, temperature: request.temperature,
      seed: Int64(request.seed & 0x7fff_ffff), ignore_eos: request.ignoresEndOfSequence ? true : nil)
    switch request.prompt {
    case .text(let text): body.prompt = text
    case .chat(let messages): body.messages = messages
    case .tokens: throw .invalidAnswer("this engine takes text, not token ids")
    }
    // A chat that ends with the assistant's own words is to be gone on with, not answered (vLLM's words for it).
    if body.messages?.last?.role == "assistant" {
      body.continue_final_message = true
      body.add_generation_prompt = false
    }
    return try JSONBody.encode(body)
  }

  private var eventCount = 0
  private var finish: String?
  private var usage: Usage?
  private var timings: Timings?

  init() {}

  /// Reads one event; `[DONE]` gives the end.
  mutating func read(_ payload: ByteBuffer) throws(RequestFailure) -> StreamEvent {
    if payload.readableBytesView.elementsEqual("[DONE]".utf8) {
      return StreamEvent(tokenIDs: [], text: "", end: end)
    }
    let event: Event = try JSONBody.decode(payload)
    if let error = event.error { throw LlamaCppDialect.failure(status: error.code ?? 500, error) }
    usage = event.usage ?? usage
    timings = event.timings ?? timings
    guard let choice = event.choices?.first else { return StreamEvent(tokenIDs: [], text: "", end: nil) }
    finish = choice.finish_reason ?? finish
    let text = choice.text ?? choice.delta?.content ?? ""
    if text.isEmpty { return StreamEvent(tokenIDs: [], text: "", end: nil) }
    eventCount += 1
    return StreamEvent(tokenIDs: [TokenArrival.unknownToken], text: text, end: nil)
  }

  private var end: GenerationEnd {
    GenerationEnd(
      reason: finish == "stop" ? .endOfSequence : .length, promptTokenCount: usage?.prompt_tokens ?? 0,
      outputTokenCount: usage?.completion_tokens ?? eventCount,
      cachedTokenCount: usage?.prompt_tokens_details?.cached_tokens, draftedTokenCount: timings?.draft_n,
      acceptedTokenCount: timings?.draft_n_accepted, promptMS: timings?.prompt_ms)
  }

  // Names as on the wire.
  private struct Body: Encodable {
    var model: String
    var prompt: String?
    var messages: [ChatMessage]?
    var max_tokens: Int
    var temperature: Double
    var seed: Int64
    var stream = true
    var stream_options = ["include_usage": true]
    var ignore_eos: Bool?
    var continue_final_message: Bool?
    var add_generation_prompt: Bool?
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
    var finish_reason: String?
  }

  private struct Delta: Decodable { var content: String? }

  private struct Usage: Decodable {
    var prompt_tokens: Int?
    var completion_tokens: Int?
    var prompt_tokens_details: PromptDetails?
  }

  private struct PromptDetails: Decodable { var cached_tokens: Int? }

  private struct Timings: Decodable {
    var prompt_ms: Double?
    var draft_n: Int?
    var draft_n_accepted: Int?
  }
}

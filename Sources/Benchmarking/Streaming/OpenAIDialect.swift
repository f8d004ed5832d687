import FoundationEssentials
import Serving

/// `/v1/completions` and `/v1/chat/completions`, written and read.
///
/// OpenAI's stream names no token ids, so they are given as unknown, one for each event that carries text. The usage at
/// the end is the engine's own count: an engine that puts several tokens into one event is corrected by it. vLLM takes
/// token ids as a prompt and names those of each event when asked to.
struct OpenAIDialect {
  static func path(_ request: GenerationRequest) -> String {
    if case .chat = request.prompt { "/v1/chat/completions" } else { "/v1/completions" }
  }

  /// - Parameter namesTokens: whether the engine knows vLLM's additions.
  static func body(
    _ request: GenerationRequest, servedModel: String, namesTokens: Bool
  ) throws(RequestFailure) -> [UInt8] {
    var body = Body(
      model: servedModel, namesTokens: namesTokens ? true : nil, tokenLimit: request.maxTokens,
      temperature: request.temperature,
      seed: Int64(request.seed & 0x7fff_ffff), ignoresEndOfSequence: request.ignoresEndOfSequence ? true : nil,
      stop: (request.sampling?.stop).flatMap { $0.isEmpty ? nil : $0 }, topP: request.sampling?.topP,
      frequencyPenalty: request.sampling?.frequencyPenalty, presencePenalty: request.sampling?.presencePenalty)
    switch request.prompt {
    case .text(let text): body.prompt = .text(text)
    case .chat(let messages):
      body.messages = messages
      body.alternatives = request.sampling?.logprobs
    case .tokens(let ids):
      guard namesTokens else { throw .invalidAnswer("this engine takes text, not token ids") }
      body.prompt = .tokens(ids)
    }
    body.logprobs = (request.sampling?.logprobs).map { body.messages == nil ? .count($0) : .wanted }
    // A chat that ends with the assistant's own words is to be gone on with, not answered (vLLM's words for it).
    if body.messages?.last?.role == "assistant" {
      body.continuesFinalMessage = true
      body.addsGenerationPrompt = false
    }
    guard let schema = request.sampling?.schema else { return try JSONBody.encode(body) }
    return try JSONBody.encode(
      body, adding: "response_format",
      #"{"type":"json_schema","json_schema":{"name":"answer","schema":\#(schema)}}"#)
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
    let logprobs = choice.logprobs?.tokens ?? []
    // Log-probabilities are one for each token: they tell how many an event has.
    let unnamed = text.isEmpty ? 0 : max(1, logprobs.count)
    // Text without a token would have no place in a stream.
    let named = choice.tokenIDs.flatMap { $0.isEmpty && !text.isEmpty ? nil : $0 }
    let ids = named ?? Array(repeating: TokenArrival.unknownToken, count: unnamed)
    eventCount += ids.count
    return StreamEvent(tokenIDs: ids, text: text, logprobs: logprobs, end: nil)
  }

  private var end: GenerationEnd {
    GenerationEnd(
      reason: finish == "stop" ? .stop : .length, promptTokenCount: usage?.promptTokens ?? 0,
      outputTokenCount: usage?.completionTokens ?? eventCount,
      cachedTokenCount: usage?.promptDetails?.cachedTokens, draftedTokenCount: timings?.draftedCount,
      acceptedTokenCount: timings?.acceptedCount, promptMS: timings?.promptMS)
  }

  private struct Body: Encodable {
    var model: String
    var prompt: PromptField?
    var messages: [ChatMessage]?
    var namesTokens: Bool?
    var tokenLimit: Int
    var temperature: Double
    var seed: Int64
    var stream = true
    var streamOptions = ["include_usage": true]
    var ignoresEndOfSequence: Bool?
    var stop: [String]?
    var topP: Double?
    var frequencyPenalty: Double?
    var presencePenalty: Double?
    var continuesFinalMessage: Bool?
    var addsGenerationPrompt: Bool?
    var logprobs: LogprobsField?
    var alternatives: Int?

    private enum CodingKeys: String, CodingKey {
      case model, prompt, messages, temperature, seed, stream, stop, logprobs
      case alternatives = "top_logprobs"
      case topP = "top_p"
      case frequencyPenalty = "frequency_penalty"
      case presencePenalty = "presence_penalty"
      case namesTokens = "return_token_ids"
      case tokenLimit = "max_tokens"
      case streamOptions = "stream_options"
      case ignoresEndOfSequence = "ignore_eos"
      case continuesFinalMessage = "continue_final_message"
      case addsGenerationPrompt = "add_generation_prompt"
    }
  }

  /// A chat is asked whether, a completion how many.
  private enum LogprobsField: Encodable {
    case wanted
    case count(Int)

    func encode(to encoder: any Encoder) throws {
      var value = encoder.singleValueContainer()
      switch self {
      case .wanted: try value.encode(true)
      case .count(let count): try value.encode(count)
      }
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
    var tokenIDs: [Int32]?
    var finishReason: String?
    var logprobs: OpenAILogprobs?

    private enum CodingKeys: String, CodingKey {
      case text, delta, logprobs
      case tokenIDs = "token_ids"
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

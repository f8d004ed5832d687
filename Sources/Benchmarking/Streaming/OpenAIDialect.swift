import Engines
import FoundationEssentials
import Serving

/// `/v1/completions` and `/v1/chat/completions`, written and read.
///
/// OpenAI's stream names no token ids, so they are given as unknown, one for each event that carries text. The usage at
/// the end is the engine's own count: an engine that puts several tokens into one event is corrected by it. vLLM takes
/// token ids as a prompt and names those of each event when asked to. llama.cpp answers chats so, too: it knows its
/// model's template and reads the calls of functions out of the text, and says with each event how many tokens there are
/// by then.
struct OpenAIDialect {
  static func path(_ request: GenerationRequest) -> String {
    request.isChat ? "/v1/chat/completions" : "/v1/completions"
  }

  /// - Parameter dialect: whose additions the engine knows.
  static func body(
    _ request: GenerationRequest, servedModel: String, dialect: RequestDialect
  ) throws(RequestFailure) -> [UInt8] {
    let namesTokens = dialect == .vLLM
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
    if dialect == .llamaCpp {
      body.timesTokens = true
      // As in answers to other chats, what a model thinks is part of the text.
      body.reasoningFormat = "none"
    }
    var members = ""
    if let schema = request.sampling?.schema {
      members = #","response_format":{"type":"json_schema","json_schema":{"name":"answer","schema":\#(schema)}}"#
    }
    if let tools = request.tools { members += ToolFields(tools, namesFunctions: dialect != .llamaCpp).json }
    return JSONBody.adding(members, to: try JSONBody.encode(body))
  }

  /// Tokens that one event may bring to light: a parser holds text back until it knows what it is.
  private static let mostTokensOfAnEvent = 1 << 14

  private let countsByTimings: Bool
  private var toolCalls = ToolCallReader()
  /// What came since the last event that told a count.
  private var uncounted = StreamEvent(tokenIDs: [], text: "")
  private var hasCalls = false
  private var eventCount = 0
  private var finish: String?
  private var usage: Usage?
  private var timings: Timings?

  /// - Parameter countsByTimings: whether events say how many tokens there are by then, as llama.cpp's do when asked.
  init(countsByTimings: Bool = false) { self.countsByTimings = countsByTimings }

  /// Reads one event; `[DONE]` gives the end.
  mutating func read(_ payload: ArraySlice<UInt8>) throws(RequestFailure) -> StreamEvent {
    if payload.elementsEqual("[DONE]".utf8) {
      uncounted.end = end
      return uncounted
    }
    let event: Event = try JSONBody.decode(payload)
    if let error = event.error { throw LlamaCppDialect.failure(status: error.code ?? 500, error) }
    usage = event.usage ?? usage
    timings = event.timings ?? timings
    finish = event.choices?.first?.finishReason ?? finish
    let said = try self.said(event.choices?.first)
    guard countsByTimings else { return said }
    uncounted.text += said.text
    uncounted.toolCalls += said.toolCalls
    guard let count = event.timings?.predictedCount else { return StreamEvent(tokenIDs: [], text: "") }
    return try counted(upTo: count)
  }

  /// What an event says, and how many tokens that is unless the engine counts them.
  private mutating func said(_ choice: Choice?) throws(RequestFailure) -> StreamEvent {
    guard let choice else { return StreamEvent(tokenIDs: [], text: "") }
    let text = choice.text ?? choice.delta?.content ?? ""
    let logprobs = choice.logprobs?.tokens ?? []
    let calls = try toolCalls.read(choice.delta?.toolCalls ?? [])
    if !calls.isEmpty { hasCalls = true }
    guard !countsByTimings else { return StreamEvent(tokenIDs: [], text: text, toolCalls: calls) }
    // Log-probabilities are one for each token: they tell how many an event has.
    let unnamed = text.isEmpty && calls.isEmpty ? 0 : max(1, logprobs.count)
    // Text without a token would have no place in a stream.
    let named = choice.tokenIDs.flatMap { $0.isEmpty && !(text.isEmpty && calls.isEmpty) ? nil : $0 }
    let ids = named ?? Array(repeating: TokenArrival.unknownToken, count: unnamed)
    eventCount += ids.count
    return StreamEvent(tokenIDs: ids, text: text, logprobs: logprobs, toolCalls: calls)
  }

  /// What came since the last count, with the tokens that it is made of.
  private mutating func counted(upTo count: Int) throws(RequestFailure) -> StreamEvent {
    let fresh = max(0, count - eventCount)
    guard fresh <= Self.mostTokensOfAnEvent else { throw .invalidAnswer("\(fresh) tokens came in one event") }
    eventCount += fresh
    defer { uncounted = StreamEvent(tokenIDs: [], text: "") }
    uncounted.tokenIDs = Array(repeating: TokenArrival.unknownToken, count: fresh)
    return uncounted
  }

  private var reason: FinishReason {
    switch finish {
    case "stop", "tool_calls": hasCalls ? .toolCalls : .stop
    default: .length
    }
  }

  private var end: GenerationEnd {
    GenerationEnd(
      reason: reason, promptTokenCount: usage?.promptTokens ?? 0,
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
    var timesTokens: Bool?
    var reasoningFormat: String?

    private enum CodingKeys: String, CodingKey {
      case model, prompt, messages, temperature, seed, stream, stop, logprobs
      case alternatives = "top_logprobs"
      case timesTokens = "timings_per_token"
      case reasoningFormat = "reasoning_format"
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

  private struct Delta: Decodable {
    var content: String?
    var toolCalls: [ToolCallDelta]?

    private enum CodingKeys: String, CodingKey {
      case content
      case toolCalls = "tool_calls"
    }
  }

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
    var predictedCount: Int?
    var draftedCount: Int?
    var acceptedCount: Int?

    private enum CodingKeys: String, CodingKey {
      case predictedCount = "predicted_n"
      case promptMS = "prompt_ms"
      case draftedCount = "draft_n"
      case acceptedCount = "draft_n_accepted"
    }
  }
}

import Engines
import FoundationEssentials
import Serving

/// llama.cpp's `/completion`, written and read.
///
/// What its stream does not say in words: an event carries the id of one token only, also when several tokens together
/// make one character (their text is held back until it is whole). `tokens_predicted` counts them all, so the ids that
/// never came are given as unknown.
struct LlamaCppDialect {
  static let path = "/completion"

  static func body(_ request: GenerationRequest) throws(RequestFailure) -> [UInt8] {
    var body = JSONText()
    body.raw("{\"prompt\":")
    switch request.prompt {
    case .tokens(let ids): body.array(ids) { $0.number(Int($1)) }
    case .text(let text): body.string(text)
    case .chat: throw .invalidAnswer("chat messages must go through the engine's template first")
    }
    body.raw(",\"n_predict\":")
    body.number(request.maxTokens)
    body.raw(",\"temperature\":")
    body.number(request.temperature)
    // The engine takes 32 bits and reads all ones as "any".
    body.raw(",\"seed\":")
    body.number(Int(UInt32(truncatingIfNeeded: request.seed) & 0x7fff_ffff))
    body.raw(",\"ignore_eos\":")
    body.bool(request.ignoresEndOfSequence)
    // `cache_prompt` is left out: whether prefixes are kept is the configuration's choice, not the request's. Without
    // `response_fields` the last event repeats the prompt and every sampling option.
    body.raw(
      """
      ,"stream":true,"return_tokens":true,"response_fields":["content","tokens","stop","stop_type","tokens_predicted",\
      "tokens_evaluated","timings"]
      """)
    if let sampling = request.sampling { write(sampling, to: &body) }
    body.raw("}")
    return body.bytes
  }

  private static func write(_ sampling: Sampling, to body: inout JSONText) {
    if !sampling.stop.isEmpty {
      body.raw(",\"stop\":")
      body.array(sampling.stop) { $0.string($1) }
    }
    // Asked for none, the engine does not say the token's own either.
    if let count = sampling.logprobs {
      body.raw(",\"n_probs\":")
      body.number(max(1, count))
    }
    for (name, value) in [
      ("top_p", sampling.topP), ("frequency_penalty", sampling.frequencyPenalty),
      ("presence_penalty", sampling.presencePenalty),
    ] as [(StaticString, Double?)] where value != nil {
      body.raw(",\"")
      body.raw(name)
      body.raw("\":")
      body.number(value)
    }
    if let schema = sampling.schema {
      body.raw(",\"json_schema\":")
      body.raw(JSONText(raw: schema))
    }
  }

  private var predictedCount = 0

  init() {}

  /// Reads one event of the stream.
  mutating func read(_ payload: ArraySlice<UInt8>) throws(RequestFailure) -> StreamEvent {
    let event: Event = if let plain = Event(plain: payload) { plain } else { try JSONBody.decode(payload) }
    if let error = event.error { throw Self.failure(status: error.code ?? 500, error) }
    let named = event.tokens ?? []
    let predicted = event.predictedCount ?? predictedCount + named.count
    let unnamed = max(0, predicted - predictedCount - named.count)
    // An engine that miscounts must not make us hold a billion tokens.
    guard unnamed <= 64 else { throw .invalidAnswer("\(unnamed) tokens came in one event") }
    predictedCount = max(predictedCount + named.count, predicted)
    let ids = Array(repeating: TokenArrival.unknownToken, count: unnamed) + named
    return StreamEvent(
      tokenIDs: ids, text: event.content ?? "", logprobs: event.logprobs?.tokens ?? [],
      end: event.stop == true ? end(event) : nil)
  }

  private func end(_ event: Event) -> GenerationEnd {
    let reason: FinishReason =
      switch event.stopType {
      case "eos", "word": .stop
      default: .length
      }
    return GenerationEnd(
      reason: reason, promptTokenCount: event.evaluatedCount ?? 0, outputTokenCount: predictedCount,
      cachedTokenCount: event.timings?.cachedCount, draftedTokenCount: event.timings?.draftedCount,
      acceptedTokenCount: event.timings?.acceptedCount, promptMS: event.timings?.promptMS)
  }

  /// The failure an error object stands for.
  static func failure(status: Int, _ error: EngineError) -> RequestFailure {
    if error.type == "exceed_context_size_error" {
      return .promptTooLong(promptTokens: error.promptTokens, contextTokens: error.contextTokens)
    }
    return .refused(status: status, message: error.message ?? "no message")
  }

  private struct Event: Decodable {
    var content: String?
    var tokens: [Int32]?
    var stop: Bool?
    var stopType: String?
    var predictedCount: Int?
    var evaluatedCount: Int?
    var timings: Timings?
    var error: EngineError?
    var logprobs: LlamaCppLogprobs?

    private enum CodingKeys: String, CodingKey {
      case content, tokens, stop, timings, error
      case logprobs = "completion_probabilities"
      case stopType = "stop_type"
      case predictedCount = "tokens_predicted"
      case evaluatedCount = "tokens_evaluated"
    }

    /// An event without log-probabilities that is no error: read without Foundation's decoder, which costs several times as
    /// much. Nil for any other, and for what is no JSON: the decoder reads it or says why not.
    init?(plain payload: ArraySlice<UInt8>) {
      var scanner = JSONScanner(Array(payload), path: "an event")
      var isPlain = true
      do throws(ApusError) {
        try scanner.object { key, scanner throws(ApusError) in
          switch key {
          case "content": content = try scanner.string()
          case "tokens": tokens = try Self.identifiers(&scanner)
          case "tokens_predicted": predictedCount = try scanner.integer()
          case "stop": stop = try scanner.bool()
          case "stop_type": stopType = try scanner.string()
          case "tokens_evaluated": evaluatedCount = try scanner.integer()
          case "timings": timings = try Timings(&scanner)
          case "error", "completion_probabilities":
            isPlain = false
            try scanner.skip()
          default: try scanner.skip()
          }
        }
        try scanner.end()
      } catch {
        return nil
      }
      guard isPlain, content != nil else { return nil }
    }

    private static func identifiers(_ scanner: inout JSONScanner) throws(ApusError) -> [Int32] {
      var identifiers: [Int32] = []
      try scanner.array { scanner throws(ApusError) in
        guard let identifier = try scanner.integer().flatMap({ Int32(exactly: $0) }) else {
          throw scanner.refusal("a token is no number of 32 bits")
        }
        identifiers.append(identifier)
      }
      return identifiers
    }
  }

  private struct Timings: Decodable {
    var cachedCount: Int?
    var promptMS: Double?
    var draftedCount: Int?
    var acceptedCount: Int?

    init(_ scanner: inout JSONScanner) throws(ApusError) {
      try scanner.object { key, scanner throws(ApusError) in
        switch key {
        case "cache_n": cachedCount = try scanner.integer()
        case "prompt_ms": promptMS = try scanner.number()
        case "draft_n": draftedCount = try scanner.integer()
        case "draft_n_accepted": acceptedCount = try scanner.integer()
        default: try scanner.skip()
        }
      }
    }

    private enum CodingKeys: String, CodingKey {
      case cachedCount = "cache_n"
      case promptMS = "prompt_ms"
      case draftedCount = "draft_n"
      case acceptedCount = "draft_n_accepted"
    }
  }
}

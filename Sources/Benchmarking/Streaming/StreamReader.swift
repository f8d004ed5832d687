import Engines
import NIOCore
import Serving

/// Reads the events of one stream in its dialect, and hands its tokens on in order. For one thread at a time.
final class StreamReader {
  private let sent: ContinuousClock.Instant
  private let watch: ProgressWatch
  private let take: (TokenArrival) -> StreamingClient.Pause?
  private let isLlamaCpp: Bool
  /// Wanted with each log-probability; nil where none is.
  private let alternatives: Int?
  private var events: ServerSentEvents
  private var llamaCpp = LlamaCppDialect()
  private var openAI: OpenAIDialect
  private var bounds: StreamBounds
  /// Whether the answer is to be JSON and has not begun to be.
  private var awaitsJSON: Bool
  private var arrivals = CircularBuffer<TokenArrival>()
  private var pause: StreamingClient.Pause?
  private var lastEnd: GenerationEnd?

  /// - Parameters:
  ///   - sent: when the request was.
  ///   - watch: told of each event.
  ///   - take: called in order with what comes.
  init(
    _ request: GenerationRequest, dialect: RequestDialect, lineLimitBytes: Int, sent: ContinuousClock.Instant,
    watch: ProgressWatch, take: @escaping (TokenArrival) -> StreamingClient.Pause?
  ) {
    self.sent = sent
    self.watch = watch
    self.take = take
    isLlamaCpp = dialect == .llamaCpp && request.tools == nil
    openAI = OpenAIDialect(countsByTimings: dialect == .llamaCpp)
    alternatives = request.sampling?.logprobs
    events = ServerSentEvents(lineLimitBytes: lineLimitBytes)
    bounds = StreamBounds(maxTokens: request.maxTokens)
    awaitsJSON = request.sampling?.schema != nil
  }

  /// What the engine says at the end, once all its tokens are handed on.
  var end: GenerationEnd? { arrivals.isEmpty && pause == nil ? lastEnd : nil }

  /// Reads what came.
  ///
  /// - Returns: whether more may come: not while something must be done first, nor after the end.
  func read(_ bytes: ByteBuffer) throws(RequestFailure) -> Bool {
    let at = ContinuousClock.now - sent
    var hasProgressed = false
    try events.append(bytes.readableBytesView) { payload throws(RequestFailure) in
      try read(payload, at: at)
      try bounds.countEvent()
      hasProgressed = true
    }
    // Only events are progress: a server may send comments for ever.
    if hasProgressed { watch.progressed() }
    try handOn()
    return pause == nil && lastEnd == nil
  }

  /// Hands on what was read, up to tokens with which something must be done first.
  func handOn() throws(RequestFailure) {
    while pause == nil, let arrival = arrivals.popFirst() {
      try bounds.count(arrival)
      pause = take(arrival)
    }
  }

  func takePause() -> StreamingClient.Pause? {
    defer { pause = nil }
    return pause
  }

  private func read(_ payload: ArraySlice<UInt8>, at: Duration) throws(RequestFailure) {
    guard lastEnd == nil else { return }
    let event = isLlamaCpp ? try llamaCpp.read(payload) : try openAI.read(payload)
    if awaitsJSON, let first = event.text.utf8.first(where: { !Self.blanks.contains($0) }) {
      // What llama.cpp cannot follow of a schema it drops with all the rest of it, without a word.
      guard Self.beginsJSON.contains(first) else {
        throw .refused(status: 400, message: "the engine does not follow this schema: its answer is no JSON")
      }
      awaitsJSON = false
    }
    if !event.tokenIDs.isEmpty || !event.text.isEmpty || !event.toolCalls.isEmpty {
      arrivals.append(
        TokenArrival(
          tokenIDs: event.tokenIDs, text: event.text, logprobs: wanted(of: event), toolCalls: event.toolCalls, at: at))
    }
    lastEnd = event.end
  }

  private static let blanks = Set(" \t\r\n".utf8)
  private static let beginsJSON = Set("{[\"-0123456789tfn".utf8)

  /// Engines may give more than they were asked for.
  private func wanted(of event: StreamEvent) -> [TokenLogprob] {
    guard let alternatives else { return [] }
    return event.logprobs.prefix(event.tokenIDs.count).map {
      TokenLogprob($0.token, alternatives: Array($0.alternatives.prefix(alternatives)))
    }
  }
}

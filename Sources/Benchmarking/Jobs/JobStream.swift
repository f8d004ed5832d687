import Engines
package import Serving

/// The tokens of a job on their way to the user.
///
/// Two things the engine's stream is mended for. Tokens whose ids it left out (llama.cpp, when several make one
/// character) are named again by tokenizing their text, so that a failover can go on from exactly them. And tokens
/// without text are held back until text follows: at the end such a token is the end of sequence, which a continuation
/// must not have in its prompt.
package actor JobStream {
  private let client: StreamingClient
  private let endpoint: EngineEndpoint
  /// Whether tokens that have no id are to be named.
  private let namesTokens: Bool
  private let onTokens: @Sendable (GeneratedTokens) async -> Void
  private var heldBack = GeneratedTokens()
  /// All text of this run.
  package private(set) var text = ""
  private var pieces: [ToolCallPiece] = []
  /// Seconds from sending to each token.
  package private(set) var tokenSeconds: [Double] = []

  /// - Parameter canBeGoneOn: whether another engine can go on with the answer, for which it needs the ids.
  package init(
    client: StreamingClient, endpoint: EngineEndpoint, canBeGoneOn: Bool = true,
    onTokens: @escaping @Sendable (GeneratedTokens) async -> Void
  ) {
    self.client = client
    self.endpoint = endpoint
    namesTokens = endpoint.dialect == .llamaCpp && canBeGoneOn
    self.onTokens = onTokens
  }

  package func take(_ arrival: TokenArrival) async {
    tokenSeconds.append(contentsOf: repeatElement(arrival.at.seconds, count: arrival.tokenIDs.count))
    guard !arrival.text.isEmpty || !arrival.toolCalls.isEmpty else {
      heldBack.append(GeneratedTokens(arrival.tokenIDs, logprobs: arrival.logprobs))
      return
    }
    var tokens = heldBack
    heldBack = GeneratedTokens()
    tokens.append(
      GeneratedTokens(
        await named(arrival), arrival.text, logprobs: arrival.logprobs, toolCalls: arrival.toolCalls))
    text += arrival.text
    pieces += arrival.toolCalls
    await onTokens(tokens)
  }

  /// Hands on what was held back, unless it is the end of sequence or part of a text to stop at.
  package func finish(_ reason: FinishReason) async {
    guard reason != .stop, reason != .toolCalls, !heldBack.isEmpty else { return }
    await onTokens(heldBack)
    heldBack = GeneratedTokens()
  }

  /// What this run called.
  package var toolCalls: [ToolCall] { pieces.calls }

  private func named(_ arrival: TokenArrival) async -> [Int32] {
    let known = arrival.tokenIDs.filter { $0 != TokenArrival.unknownToken }
    guard namesTokens, known.count < arrival.tokenIDs.count else { return arrival.tokenIDs }
    // Benign when it fails: an unnamed token makes a continuation go on from the text instead.
    guard let ids = try? await client.tokenize(arrival.text, addingSpecial: false, at: endpoint),
      ids.count == arrival.tokenIDs.count, Array(ids.suffix(known.count)) == known
    else { return arrival.tokenIDs }
    return ids
  }
}

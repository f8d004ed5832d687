import Engines
package import Serving
import Synchronization

/// The tokens of a job on their way to the user.
///
/// Two things the engine's stream is mended for. Tokens whose ids it left out (llama.cpp, when several make one
/// character) are named again by tokenizing their text, so that a failover can go on from exactly them. And tokens
/// without text are held back until text follows: at the end such a token is the end of sequence, which a continuation
/// must not have in its prompt.
///
/// The tokens come in order, one at a time; no actor, because to change to one and back costs more than a token.
package final class JobStream: Sendable {
  private let client: StreamingClient
  private let endpoint: EngineEndpoint
  /// Whether tokens that have no id are to be named.
  private let namesTokens: Bool
  private let onTokens: @Sendable (GeneratedTokens) -> Void
  private let state = Mutex(State())

  private struct State {
    var heldBack = GeneratedTokens()
    var text = ""
    var pieces: [ToolCallPiece] = []
    var tokenSeconds: [Double] = []

    /// What was held back before; nil when the arrival is held back, too.
    mutating func take(_ arrival: TokenArrival) -> GeneratedTokens? {
      tokenSeconds.append(contentsOf: repeatElement(arrival.at.seconds, count: arrival.tokenIDs.count))
      guard !arrival.text.isEmpty || !arrival.toolCalls.isEmpty else {
        heldBack.append(GeneratedTokens(arrival.tokenIDs, logprobs: arrival.logprobs))
        return nil
      }
      text += arrival.text
      pieces += arrival.toolCalls
      return takeHeldBack()
    }

    mutating func takeHeldBack() -> GeneratedTokens {
      defer { heldBack = GeneratedTokens() }
      return heldBack
    }
  }

  /// All text of this run.
  package var text: String { state.withLock { $0.text } }
  /// Seconds from sending to each token.
  package var tokenSeconds: [Double] { state.withLock { $0.tokenSeconds } }

  /// - Parameter canBeGoneOn: whether another engine can go on with the answer, for which it needs the ids.
  package init(
    client: StreamingClient, endpoint: EngineEndpoint, canBeGoneOn: Bool = true,
    onTokens: @escaping @Sendable (GeneratedTokens) -> Void
  ) {
    self.client = client
    self.endpoint = endpoint
    namesTokens = endpoint.dialect == .llamaCpp && canBeGoneOn
    self.onTokens = onTokens
  }

  /// - Returns: what must be done before the next arrival; nil where it was taken already.
  package func take(_ arrival: TokenArrival) -> StreamingClient.Pause? {
    guard let before = state.withLock({ $0.take(arrival) }) else { return nil }
    guard namesTokens, arrival.tokenIDs.contains(TokenArrival.unknownToken) else {
      handOn(arrival, arrival.tokenIDs, behind: before)
      return nil
    }
    return { self.handOn(arrival, await self.named(arrival), behind: before) }
  }

  private func handOn(_ arrival: TokenArrival, _ ids: [Int32], behind before: GeneratedTokens) {
    var tokens = before
    tokens.append(GeneratedTokens(ids, arrival.text, logprobs: arrival.logprobs, toolCalls: arrival.toolCalls))
    onTokens(tokens)
  }

  /// Hands on what was held back, unless it is the end of sequence or part of a text to stop at.
  package func finish(_ reason: FinishReason) {
    guard reason != .stop, reason != .toolCalls else { return }
    let tokens = state.withLock { $0.takeHeldBack() }
    if !tokens.isEmpty { onTokens(tokens) }
  }

  /// What this run called.
  package var toolCalls: [ToolCall] { state.withLock { $0.pieces.calls } }

  private func named(_ arrival: TokenArrival) async -> [Int32] {
    let known = arrival.tokenIDs.filter { $0 != TokenArrival.unknownToken }
    // Benign when it fails: an unnamed token makes a continuation go on from the text instead.
    guard let ids = try? await client.tokenize(arrival.text, addingSpecial: false, at: endpoint),
      ids.count == arrival.tokenIDs.count, Array(ids.suffix(known.count)) == known
    else { return arrival.tokenIDs }
    return ids
  }
}

import Benchmarking
import Engines
import Serving
import Synchronization
import TestKit
import Testing

@Suite("Job stream") struct JobStreamTests {
  /// Plays events through a stream whose engine tokenizes any text to `tokenized`, and gives what the user saw.
  private func shown(
    _ events: [([Int32], String)], _ reason: FinishReason, tokenized: String = "[]",
    dialect: RequestDialect = .llamaCpp
  ) async -> [String] {
    let server = CannedServer(Canned.json("200 OK", #"{"tokens":\#(tokenized)}"#))
    let shown = Mutex<[String]>([])
    let stream = JobStream(
      client: StreamingClient(), endpoint: EngineEndpoint(baseURL: server.baseURL, dialect: dialect)
    ) { tokens in shown.withLock { $0.append("\(tokens.ids) \(tokens.text)") } }
    for (index, event) in events.enumerated() {
      let pause = stream.take(TokenArrival(tokenIDs: event.0, text: event.1, at: .seconds(index + 1)))
      await pause?()
    }
    stream.finish(reason)
    #expect(stream.text == events.map(\.1).joined())
    #expect(stream.tokenSeconds.count == events.reduce(0) { $0 + $1.0.count })
    withExtendedLifetime(server) {}
    return shown.withLock { $0 }
  }

  /// Ids that llama.cpp left out come back by tokenizing the text, if that agrees with what it did name.
  @Test func missingIDsAreFound() async {
    let events: [([Int32], String)] = [([102], "a"), ([-1, 174], "é"), ([9], "b")]
    #expect(await shown(events, .length, tokenized: "[200,174]") == ["[102] a", "[200, 174] é", "[9] b"])
    #expect(await shown(events, .length, tokenized: "[200,175]")[1] == "[-1, 174] é")
    #expect(await shown(events, .length, tokenized: "[200,3,174]")[1] == "[-1, 174] é")
    #expect(await shown(events, .length, tokenized: "nonsense")[1] == "[-1, 174] é")
  }

  /// A token without text waits for text; at the end it is shown, unless it is the end of sequence, which a continuation
  /// must not have in its prompt.
  @Test func tokensWithoutText() async {
    #expect(await shown([([1], "a"), ([2], ""), ([3], "b")], .length) == ["[1] a", "[2, 3] b"])
    #expect(await shown([([1], "a"), ([4], "")], .stop) == ["[1] a"])
    #expect(await shown([([1], "a"), ([4], "")], .length) == ["[1] a", "[4] "])
  }

  /// What is known of a token that is held back goes with it; of the end of sequence nobody hears.
  @Test func logprobsGoWithTheirTokens() async {
    let server = CannedServer("")
    let (chunks, chunk) = AsyncStream.makeStream(of: GeneratedTokens.self)
    let stream = JobStream(
      client: StreamingClient(), endpoint: EngineEndpoint(baseURL: server.baseURL, dialect: .llamaCpp)
    ) { chunk.yield($0) }
    let said = (0..<4).map { TokenLogprob(.init(bytes: [$0], logprob: -1)) }
    for (place, text) in ["a", "", "b", ""].enumerated() {
      let pause = stream.take(
        TokenArrival(tokenIDs: [Int32(place)], text: text, logprobs: [said[place]], at: .seconds(place)))
      #expect(pause == nil, "nothing is to be asked")
    }
    stream.finish(.stop)
    chunk.finish()
    let shown = await chunks.reduce(into: []) { $0.append($1) }
    #expect(shown.map(\.ids) == [[0], [1, 2]] && shown.map(\.logprobs) == [[said[0]], [said[1], said[2]]])
  }

  /// An engine without ids is not asked for them.
  @Test func unnamedTokensOfOtherEngines() async {
    #expect(await shown([([-1], " one")], .length, tokenized: "[5]", dialect: .openAI) == ["[-1]  one"])
  }
}

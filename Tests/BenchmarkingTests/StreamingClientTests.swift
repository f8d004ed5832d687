import Benchmarking
import Engines
import Foundation
import Serving
import Synchronization
import TestKit
import Testing

@Suite("Streaming client", .serialized) struct StreamingClientTests {
  private final class Arrivals: Sendable {
    private let list = Mutex<[TokenArrival]>([])
    func add(_ arrival: TokenArrival) { list.withLock { $0.append(arrival) } }
    var all: [TokenArrival] { list.withLock { $0 } }
    var ids: [Int32] { all.flatMap(\.tokenIDs) }
    var text: String { all.map(\.text).joined() }
  }

  private let arrivals = Arrivals()

  private func stream(
    _ server: CannedServer, _ dialect: RequestDialect = .llamaCpp, limits: RequestLimits = RequestLimits(),
    prompt: GenerationRequest.Prompt = .tokens([1, 2]), maxTokens: Int = 9, sampling: Sampling? = nil
  ) async throws(RequestFailure) -> GenerationEnd {
    defer { withExtendedLifetime(server) {} }
    return try await StreamingClient(limits: limits).stream(
      GenerationRequest(prompt: prompt, maxTokens: maxTokens, seed: 5, ignoresEndOfSequence: true, sampling: sampling),
      to: EngineEndpoint(baseURL: server.baseURL, dialect: dialect)
    ) { [arrivals] in arrivals.add($0) }
  }

  /// As the real server writes it: the ids of a character's first tokens never come, only the count grows by more.
  private let llamaStream = [
    Canned.streamHead,
    Canned.event(#"{"content":"a","tokens":[102],"stop":false,"tokens_predicted":1,"tokens_evaluated":5}"#),
    Canned.event(#"{"content":"é","tokens":[174],"stop":false,"tokens_predicted":3,"tokens_evaluated":5}"#),
    Canned.event(
      #"{"tokens":[],"content":"","stop":true,"stop_type":"limit","tokens_predicted":3,"tokens_evaluated":5,"#
        + #""timings":{"cache_n":4,"prompt_n":1,"prompt_ms":6.5,"draft_n":4,"draft_n_accepted":3}}"#),
  ]

  /// A llama.cpp stream: ids with gaps marked, text, counts, cache and drafts; times ascend.
  @Test func llamaCppStream() async throws {
    let server = CannedServer([(llamaStream, .close)])
    let end = try await stream(server, maxTokens: 3)
    #expect(
      end
        == GenerationEnd(
          reason: .length, promptTokenCount: 5, outputTokenCount: 3, cachedTokenCount: 4, draftedTokenCount: 4,
          acceptedTokenCount: 3, promptMS: 6.5))
    #expect(arrivals.ids == [102, TokenArrival.unknownToken, 174] && arrivals.text == "aé")
    #expect(arrivals.all.allSatisfy { $0.at > .zero } && arrivals.all[0].at <= arrivals.all[1].at)
    let sent = try #require(server.received.first)
    let body = try #require(sent.range(of: "\r\n\r\n")).upperBound
    let request = try #require(JSONSerialization.jsonObject(with: Data(sent[body...].utf8)) as? [String: Any])
    #expect(request["prompt"] as? [Int] == [1, 2] && request["n_predict"] as? Int == 3)
    #expect(request["ignore_eos"] as? Bool == true && request["return_tokens"] as? Bool == true)
    #expect(request["stream"] as? Bool == true && request["seed"] as? Int == 5)
    // The configuration decides about the prefix cache, not the request.
    #expect(request["cache_prompt"] == nil)
    #expect(sent.lowercased().contains("connection: close"))
  }

  /// Events that say more than their tokens, in any spelling of JSON, are read as those that do not.
  @Test func eventsThatSayMore() async throws {
    let server = CannedServer([
      (
        [
          Canned.streamHead, Canned.event(#"{ "stop" : false, "content" : "\u00e9\n\"", "tokens" : [ 7 ] }"#),
          Canned.event(#"{"content":"b","tokens":[8],"stop":false,"timings":{"cache_n":1},"more":[{"a":null}]}"#),
          Canned.event(#"{"content":null,"tokens":[9],"stop":false,"tokens_predicted":3}"#), llamaStream[3],
        ], .close
      )
    ])
    let end = try await stream(server, maxTokens: 3)
    #expect(arrivals.ids == [7, 8, 9] && arrivals.text == "é\n\"b" && end.outputTokenCount == 3)
  }

  /// Fewer tokens than asked for although nothing ended the sequence: the context was full.
  @Test func shortOutputMeansAFullContext() async throws {
    #expect(try await stream(CannedServer([(llamaStream, .close)]), maxTokens: 4).reason == .contextFull)
  }

  /// A text to stop at that comes with the last token asked for is a stop, not a length.
  @Test func stopAtTheLimit() async throws {
    let pieces = llamaStream.map { $0.replacingOccurrences(of: #""stop_type":"limit""#, with: #""stop_type":"word""#) }
    #expect(try await stream(CannedServer([(pieces, .close)]), maxTokens: 3).reason == .stop)
  }

  /// An OpenAI stream names no ids; its usage at the end counts.
  @Test func openAIStream() async throws {
    let server = CannedServer([
      (
        [
          Canned.streamHead,
          Canned.event(#"{"choices":[{"text":"","index":0,"finish_reason":null}]}"#),
          Canned.event(#"{"choices":[{"text":" one","index":0,"finish_reason":null}]}"#),
          Canned.event(#"{"choices":[{"text":" two three","index":0,"finish_reason":"stop"}]}"#),
          Canned.event(
            #"{"choices":[],"usage":{"completion_tokens":3,"prompt_tokens":7,"prompt_tokens_details":{"cached_tokens":2}}}"#
          ), Canned.event("[DONE]"),
        ], .close
      )
    ])
    let end = try await stream(server, .openAI, prompt: .text("count"))
    #expect(
      end
        == GenerationEnd(reason: .stop, promptTokenCount: 7, outputTokenCount: 3, cachedTokenCount: 2))
    #expect(arrivals.text == " one two three" && arrivals.ids == [-1, -1])
    #expect(
      server.received[0].hasPrefix("POST /v1/completions ") && server.received[0].contains(#""include_usage":true"#))
  }

  /// vLLM takes token ids and names those of each event, also several at once or one whose text is not complete.
  @Test func vLLMStream() async throws {
    let server = CannedServer([
      (
        [
          Canned.streamHead,
          Canned.event(#"{"choices":[{"text":" one","index":0,"prompt_token_ids":[1,2],"token_ids":[11]}]}"#),
          Canned.event(#"{"choices":[{"text":"","index":0,"token_ids":[12]}]}"#),
          Canned.event(#"{"choices":[{"text":" two three","index":0,"token_ids":[13,14],"finish_reason":"length"}]}"#),
          Canned.event(#"{"choices":[],"usage":{"completion_tokens":4,"prompt_tokens":2}}"#), Canned.event("[DONE]"),
        ], .close
      )
    ])
    let end = try await stream(server, .vLLM, maxTokens: 4)
    #expect(end == GenerationEnd(reason: .length, promptTokenCount: 2, outputTokenCount: 4))
    #expect(arrivals.ids == [11, 12, 13, 14] && arrivals.text == " one two three")
    #expect(server.received[0].contains(#""prompt":[1,2]"#) && server.received[0].contains(#""return_token_ids":true"#))
  }

  /// Servers that only speak OpenAI's words are not sent token ids, and are not asked for vLLM's.
  @Test func openAITakesNoTokens() async {
    let server = CannedServer(Canned.streamHead, Canned.event("[DONE]"))
    await #expect(throws: RequestFailure.invalidAnswer("this engine takes text, not token ids")) {
      try await stream(server, .openAI)
    }
  }

  /// A chat goes to the chat route, and its own words at the end are to be gone on with.
  @Test func openAIChat() async throws {
    let server = CannedServer(
      Canned.streamHead, Canned.event(#"{"choices":[{"delta":{"role":"assistant","content":null}}]}"#),
      Canned.event(#"{"choices":[{"delta":{"content":"hi"},"finish_reason":"length"}]}"#), Canned.event("[DONE]"))
    let messages = [ChatMessage(role: "user", content: "x"), ChatMessage(role: "assistant", content: "y")]
    let end = try await stream(server, .openAI, prompt: .chat(messages), maxTokens: 1)
    #expect(arrivals.text == "hi" && end.outputTokenCount == 1 && end.reason == .length)
    #expect(server.received[0].hasPrefix("POST /v1/chat/completions "))
    #expect(server.received[0].contains(#""continue_final_message":true"#))
  }

  private func logprobs() -> [[String]] {
    arrivals.all.map { arrival in
      arrival.logprobs.map { said in
        ([said.token] + said.alternatives).map { "\(String(decoding: $0.bytes, as: UTF8.self))\($0.logprob)" }
          .joined(separator: " ")
      }
    }
  }

  /// llama.cpp: parts of characters have bytes only, a probability of 0 is the lowest number there is, and of a drafted
  /// token nothing is known. At least one alternative is asked for.
  @Test func llamaCppLogprobs() async throws {
    let top =
      #""top_logprobs":[{"id":1,"token":"a","bytes":[97],"logprob":-0.5},{"id":2,"token":"","bytes":[195],"logprob":-1}]"#
    let server = CannedServer(
      Canned.streamHead,
      Canned.event(
        #"{"content":"a","tokens":[1],"stop":false,"tokens_predicted":1,"completion_probabilities":[{"id":1,"token":"a","bytes":[97],"logprob":-3.4028234663852886e+38,\#(top)}]}"#
      ),
      Canned.event(
        #"{"content":"b","tokens":[2],"stop":false,"tokens_predicted":2,"completion_probabilities":[{"id":2,"token":"b","bytes":[98],"logprob":0.0,"top_logprobs":[]}]}"#
      ),
      Canned.event(#"{"content":"","tokens":[],"stop":true,"stop_type":"limit","tokens_predicted":2}"#))
    _ = try await stream(server, maxTokens: 2, sampling: Sampling(logprobs: 1))
    #expect(logprobs() == [["a-9999.0 a-0.5"], []])
    #expect(server.received[0].contains(#""n_probs":1"#))
    let none = CannedServer([(llamaStream, .close)])
    _ = try await stream(none, maxTokens: 3)
    #expect(!none.received[0].contains("n_probs"))
  }

  /// A chat's log-probabilities and a completion's, each asked for in its own words; they tell how many tokens an event has.
  @Test func openAILogprobs() async throws {
    let chat = CannedServer(
      Canned.streamHead,
      Canned.event(
        #"{"choices":[{"delta":{"content":"ab"},"logprobs":{"content":[{"token":"a","logprob":-0.5,"bytes":null,"top_logprobs":[{"token":"a","logprob":-0.5},{"token":"x","logprob":-2}]},{"token":"b","logprob":-1,"bytes":[98],"top_logprobs":[]}]}}]}"#
      ), Canned.event(#"{"choices":[{"delta":{},"logprobs":null,"finish_reason":"length"}]}"#), Canned.event("[DONE]"))
    let end = try await stream(
      chat, .openAI, prompt: .chat([ChatMessage(role: "user", content: "x")]), maxTokens: 2,
      sampling: Sampling(logprobs: 1))
    #expect(logprobs() == [["a-0.5 a-0.5", "b-1.0"]] && end.outputTokenCount == 2 && arrivals.ids == [-1, -1])
    #expect(chat.received[0].contains(#""logprobs":true"#) && chat.received[0].contains(#""top_logprobs":1"#))
  }

  @Test func openAICompletionLogprobs() async throws {
    let server = CannedServer(
      Canned.streamHead,
      Canned.event(
        #"{"choices":[{"text":"ab","logprobs":{"tokens":["a","b"],"token_logprobs":[-0.5,null],"top_logprobs":[{"x":-2,"a":-0.5},null],"text_offset":[0,1]}}]}"#
      ), Canned.event(#"{"choices":[{"text":"c","logprobs":"none","finish_reason":"length"}]}"#), Canned.event("[DONE]")
    )
    _ = try await stream(server, .openAI, prompt: .text("x"), maxTokens: 3, sampling: Sampling(logprobs: 2))
    #expect(logprobs() == [["a-0.5 a-0.5 x-2.0", "b-9999.0"], []])
    #expect(server.received[0].contains(#""logprobs":2"#) && !server.received[0].contains("top_logprobs"))
  }

  /// Penalties have one name everywhere, and are not sent where nobody asked.
  @Test func penalties() async throws {
    let sampling = Sampling(frequencyPenalty: 0.5, presencePenalty: -1)
    let llama = CannedServer([(llamaStream, .close)])
    _ = try await stream(llama, maxTokens: 3, sampling: sampling)
    let openAI = CannedServer(Canned.streamHead, Canned.event("[DONE]"))
    _ = try await stream(openAI, .openAI, prompt: .text("x"), sampling: sampling)
    for sent in [llama.received[0], openAI.received[0]] {
      #expect(sent.contains(#""frequency_penalty":0.5"#) && sent.contains(#""presence_penalty":-1"#))
    }
    let silent = CannedServer(Canned.streamHead, Canned.event("[DONE]"))
    _ = try await stream(silent, .openAI, prompt: .text("x"))
    #expect(!silent.received[0].contains("penalty"))
  }

  /// A schema goes to the engine as it is, in the engine's own field; an answer that is no JSON says that it was dropped.
  @Test func schemas() async throws {
    let sampling = Sampling(schema: #"{"b":1,"a":2}"#)
    let llama = CannedServer([(llamaStream, .close)])
    let error = await #expect(throws: RequestFailure.self) {
      try await stream(llama, maxTokens: 3, sampling: sampling)
    }
    #expect(
      error?.description == "the engine answered 400: the engine does not follow this schema: its answer is no JSON")
    #expect(llama.received[0].hasSuffix(#","json_schema":{"b":1,"a":2}}"#))
    let openAI = CannedServer(Canned.streamHead, Canned.event("[DONE]"))
    _ = try await stream(openAI, .openAI, prompt: .text("x"), sampling: sampling)
    #expect(
      openAI.received[0].hasSuffix(
        #","response_format":{"type":"json_schema","json_schema":{"name":"answer","schema":{"b":1,"a":2}}}}"#))
  }

  /// Every way in which an answer can be bad is its own failure.
  @Test(arguments: [
    (
      [Canned.json("400 Bad Request", #"{"error":{"code":400,"message":"Prompt contains invalid tokens"}}"#)],
      RequestFailure.refused(status: 400, message: "Prompt contains invalid tokens")
    ),
    (
      [
        Canned.json(
          "400 Bad Request",
          #"{"error":{"code":400,"message":"too long","type":"exceed_context_size_error","n_prompt_tokens":701,"n_ctx":512}}"#
        )
      ], .promptTooLong(promptTokens: 701, contextTokens: 512)
    ),
    ([Canned.json("503 Service Unavailable", #"{"error":"loading"}"#)], .refused(status: 503, message: "loading")),
    (
      [Canned.json("502 Bad Gateway", "<html>")], .refused(status: 502, message: "\u{201C}<html>\u{201D}")
    ),
    (
      [Canned.streamHead, Canned.event(#"{"error":{"code":500,"message":"slot lost"}}"#)],
      .refused(status: 500, message: "slot lost")
    ),
    ([Canned.streamHead], .connectionLost("the stream ended before its last event")),
    (
      [Canned.streamHead, Canned.event(#"{"content":"a","tokens":[1],"tokens_predicted":9000000}"#)],
      .invalidAnswer("8999999 tokens came in one event")
    ),
    ([Canned.streamHead, "data: " + String(repeating: "x", count: 500)], .tooLong(limitBytes: 400)),
  ]) func badAnswers(pieces: [String], expected: RequestFailure) async throws {
    let server = CannedServer([(pieces, .close)])
    await #expect(throws: expected) { try await stream(server, limits: RequestLimits(lineBytes: 400)) }
  }

  /// Bytes that are no JSON, a chat for an engine that takes none, and an answer that is no HTTP say so.
  @Test func nonsense() async throws {
    await #expect { try await stream(CannedServer(Canned.streamHead, Canned.event("{this is not"))) } throws: {
      guard case .invalidAnswer(let reason) = $0 as? RequestFailure else { return false }
      return reason.contains("{this is not")
    }
    await #expect { try await stream(CannedServer("hello\r\n\r\n")) } throws: {
      guard case .invalidAnswer = $0 as? RequestFailure else { return false }
      return true
    }
    await #expect { try await stream(CannedServer(""), prompt: .chat([])) } throws: {
      guard case .invalidAnswer = $0 as? RequestFailure else { return false }
      return true
    }
  }

  /// A killed engine resets the connection in the middle; one that is not there refuses it. Tokens that came stay.
  @Test func lostConnections() async throws {
    let heard = CannedServer([(Array(llamaStream.prefix(2)), .resetOnce { [arrivals] in !arrivals.all.isEmpty })])
    await #expect { try await stream(heard) } throws: {
      guard case .connectionLost = $0 as? RequestFailure else { return false }
      return true
    }
    #expect(arrivals.ids == [102])
    let gone = CannedServer("").baseURL
    await #expect {
      try await StreamingClient().stream(
        GenerationRequest(prompt: .tokens([1]), maxTokens: 1), to: EngineEndpoint(baseURL: gone, dialect: .llamaCpp)
      ) { _ in }
    } throws: {
      guard case .connectionLost = $0 as? RequestFailure else { return false }
      return true
    }
  }

  /// How a request to a server ends that says one thing and then nothing: time passes once that has come, and not before.
  private func failureInSilence(_ limits: RequestLimits) async -> RequestFailure? {
    let silent = CannedServer([(Array(llamaStream.prefix(2)), .hold)])
    let clock = ManualClock()
    let (started, start) = AsyncStream<Void>.makeStream()
    let streaming = Task { [arrivals] () -> RequestFailure? in
      defer { start.finish() }
      do {
        _ = try await StreamingClient(limits: limits, clock: clock).stream(
          GenerationRequest(prompt: .tokens([1]), maxTokens: 3),
          to: EngineEndpoint(baseURL: silent.baseURL, dialect: .llamaCpp)
        ) { arrival in
          arrivals.add(arrival)
          start.yield()
        }
        return nil
      } catch {
        return error as? RequestFailure
      }
    }
    for await _ in started { break }
    let passing = Task {
      while !Task.isCancelled {
        await clock.untilSleeping()
        clock.advance(by: .milliseconds(100))
        await Task.yield()
      }
    }
    let failure = await streaming.value
    passing.cancel()
    withExtendedLifetime(silent) {}
    return failure
  }

  /// An engine that stops in the middle is given up after the stall time, one that never ends after the total time.
  @Test func timeOuts() async {
    #expect(
      await failureInSilence(RequestLimits(stallSeconds: 1, totalSeconds: 60)) == .stalled(afterSeconds: 1))
    #expect(arrivals.ids == [102])
    #expect(
      await failureInSilence(RequestLimits(stallSeconds: 60, totalSeconds: 1)) == .timedOut(afterSeconds: 1))
  }

  /// Time in which the tokens' taker is slow is not the engine's: no stall, and all tokens come.
  @Test func slowTakersDoNotCount() async throws {
    let server = CannedServer([(llamaStream, .close)])
    let clock = ManualClock()
    let limits = RequestLimits(stallSeconds: 1, totalSeconds: 1.5)
    let end = try await StreamingClient(limits: limits, clock: clock).stream(
      GenerationRequest(prompt: .tokens([1]), maxTokens: 3),
      to: EngineEndpoint(baseURL: server.baseURL, dialect: .llamaCpp)
    ) { [arrivals] arrival in
      // Once more than either limit allows; whoever watches looks, and sleeps on.
      await clock.untilSleeping()
      clock.advance(by: .milliseconds(1600))
      await clock.untilSleeping()
      arrivals.add(arrival)
    }
    #expect(end.outputTokenCount == 3 && arrivals.ids.count == 3)
  }

  /// A cancelled task ends at once, whatever the engine does.
  @Test func cancellation() async throws {
    let silent = CannedServer([(Array(llamaStream.prefix(2)), .hold)])
    let (started, start) = AsyncStream<Void>.makeStream()
    let task = Task { () -> RequestFailure? in
      do {
        _ = try await StreamingClient().stream(
          GenerationRequest(prompt: .tokens([1]), maxTokens: 3),
          to: EngineEndpoint(baseURL: silent.baseURL, dialect: .llamaCpp)
        ) { _ in start.yield() }
        return nil
      } catch {
        return error as? RequestFailure
      }
    }
    for await _ in started { break }
    task.cancel()
    #expect(await task.value == .cancelled)
  }

  /// The small questions and their failures.
  @Test func queries() async throws {
    func endpoint(_ body: String, _ status: String = "200 OK") -> (CannedServer, EngineEndpoint) {
      let server = CannedServer(Canned.json(status, body))
      return (server, EngineEndpoint(baseURL: server.baseURL + "/", dialect: .llamaCpp))
    }
    let client = StreamingClient()
    let (tokenizer, at) = endpoint(#"{"tokens":[0,320,113]}"#)
    #expect(try await client.tokenize("he", addingSpecial: true, at: at) == [0, 320, 113])
    #expect(
      tokenizer.received[0].hasPrefix("POST /tokenize ") && tokenizer.received[0].contains(#""add_special":true"#))
    let (template, templateAt) = endpoint(#"{"prompt":"<user>hi"}"#)
    #expect(try await client.applyTemplate([ChatMessage(role: "user", content: "hi")], at: templateAt) == "<user>hi")
    #expect(template.received[0].hasPrefix("POST /apply-template "))
    let (models, modelsAt) = endpoint(#"{"data":[{"id":"m1"},{"id":"m2"}]}"#)
    #expect(try await client.servedModel(at: modelsAt) == "m1")
    #expect(models.received[0].hasPrefix("GET /v1/models "))
    let (refusing, refusingAt) = endpoint(#"{"error":{"message":"no"}}"#, "501 Not Implemented")
    await #expect(throws: RequestFailure.refused(status: 501, message: "no")) {
      try await client.tokenize("x", addingSpecial: false, at: refusingAt)
    }
    #expect(refusing.received.count == 1)
  }
}

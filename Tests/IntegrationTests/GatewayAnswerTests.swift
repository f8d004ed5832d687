import Foundation
import Testing

/// What the engine alone can know of an answer, through all of Apus to an HTTP client.
@Suite(
  "Answers of the real engine through the gateway", .serialized,
  .enabled(
    if: Program.engineDirectory != nil, "the llama.cpp engine is not installed: run Deploy/engines/llamacpp/install"))
struct GatewayAnswerTests {
  private func choice(_ answer: HTTPCaller.Answer) throws -> [String: Any] {
    try #require((answer.json?["choices"] as? [[String: Any]])?.first, "\(answer.text)")
  }

  /// The tokens of a chat's log-probabilities, of one answer or of a stream's events together.
  private func tokens(_ answer: HTTPCaller.Answer) -> [[String: Any]] {
    (answer.events + [answer.json].compactMap(\.self)).flatMap { object in
      let choice = (object["choices"] as? [[String: Any]])?.first
      return (choice?["logprobs"] as? [String: Any])?["content"] as? [[String: Any]] ?? []
    }
  }

  @Test("Log-probabilities are those of the answer's tokens, whole and streamed; a stop at the limit is a stop")
  func logprobsAndFinishReasons() async throws {
    try await withGateway { _, gateway, model in
      let asked: [String: Any] = ["logprobs": true, "top_logprobs": 2]
      let whole = try await gateway.post("/v1/chat/completions", chat(model, asked))
      let content = try #require(whole.content, "\(whole.text)")
      let said = tokens(whole)
      let texts = said.compactMap { $0["token"] as? String }
      #expect(texts.joined() == content && texts.count > 1 && texts.count <= 24, "\(texts) of \(content)")
      for token in said {
        let top = try #require(token["top_logprobs"] as? [[String: Any]])
        #expect(top.count == 2 && top[0]["logprob"] as? Double == token["logprob"] as? Double, "greedy takes the first")
        #expect((token["logprob"] as? Double ?? 1) <= 0)
      }
      let streamed = try await gateway.post(
        "/v1/chat/completions", chat(model, asked.merging(["stream": true]) { $1 }))
      #expect(streamed.streamed == content && tokens(streamed).compactMap { $0["token"] as? String } == texts)

      let text = try await gateway.post(
        "/v1/completions",
        ["model": model, "prompt": "Once upon a time", "temperature": 0, "max_tokens": 6, "logprobs": 0])
      let completion = try choice(text)
      let lists = try #require(completion["logprobs"] as? [String: Any], "\(text.text)")
      #expect((lists["tokens"] as? [String])?.joined() == completion["text"] as? String)
      #expect((lists["text_offset"] as? [Int])?.first == 0 && lists["top_logprobs"] is NSNull)

      // A token whose text did not come before: an answer that is to stop there, and may be no longer.
      let place = try #require(
        texts.indices.first { place in
          !texts[place].isEmpty && !texts[..<place].joined().contains(texts[place])
            && !(texts[..<place].joined() + texts[place]).dropLast().contains(texts[place])
        })
      let stopped = try await gateway.post(
        "/v1/chat/completions", chat(model, ["stop": [texts[place]], "max_tokens": place + 1]))
      #expect(try choice(stopped)["finish_reason"] as? String == "stop", "\(stopped.text)")
      #expect(stopped.content == texts[..<place].joined())
      let cut = try await gateway.post("/v1/chat/completions", chat(model, ["max_tokens": place + 1]))
      #expect(try choice(cut)["finish_reason"] as? String == "length", "\(cut.text)")
    }
  }

  @Test("An answer to a schema conforms to it, one to json_object is an object")
  func schemas() async throws {
    try await withGateway { _, gateway, model in
      // The model knows nothing: it draws what the schema allows, and then white space for as long as it may.
      let schema: [String: Any] = ["enum": ["alpha", "beta"]]
      let format: [String: Any] = ["type": "json_schema", "json_schema": ["name": "n", "schema": schema]]
      let answer = try await gateway.post(
        "/v1/chat/completions", chat(model, ["response_format": format, "max_tokens": 60]))
      let content = try #require(answer.content, "\(answer.text)").trimmingCharacters(in: .whitespacesAndNewlines)
      #expect(["\"alpha\"", "\"beta\""].contains(content), "\(answer.text)")
      let free = try await gateway.post(
        "/v1/chat/completions", chat(model, ["response_format": ["type": "json_object"], "max_tokens": 8]))
      #expect(free.content?.drop { $0.isWhitespace }.first == "{", "\(free.text)")
    }
  }

  @Test("A prompt over the context says so by its code, refused by the coordinator or by the engine")
  func longPrompts() async throws {
    try await withGateway { _, gateway, model in
      let models = try await gateway.get("/apus/v1/models").json?["models"] as? [[String: Any]]
      let context = try #require(models?.first?["context_tokens"] as? Int)
      // A word is at least a token; what is too long for sure at four bytes a token, and what only the engine can tell.
      for bytesPerToken in [16, 6] {
        let words = (0..<context * bytesPerToken / 4).map { "q\($0 % 10)x " }.joined()
        let answer = try await gateway.post(
          "/v1/chat/completions", chat(model, ["messages": [["role": "user", "content": words]], "max_tokens": 1]))
        #expect(answer.status == 400, "\(answer.text)")
        #expect(answer.error?["code"] as? String == "context_length_exceeded", "\(answer.text)")
      }
    }
  }

  @Test("Wishes in headers are the job's")
  func headers() async throws {
    try await withGateway { _, gateway, model in
      let body = try JSONSerialization.data(withJSONObject: chat(model, ["max_tokens": 2]))
      let wrong = try await gateway.post("/v1/chat/completions", body, headers: ["X-Apus-Objective": "speed"])
      #expect(wrong.status == 400 && wrong.error?["param"] as? String == "apus.objective", "\(wrong.text)")
      let answer = try await gateway.post("/v1/chat/completions", body, headers: ["X-Apus-Objective": "ttft"])
      #expect(answer.status == 200, "\(answer.text)")
    }
  }
}

import Engines
import Foundation
import Testing

/// Calls of functions from the real engine, through all of Apus to an HTTP client.
///
/// The checkout's models have no place for tools in their chat template, and no sense: one of them gets a template that
/// the engine knows how to read calls of, and must call, so that the engine's grammar writes what the model cannot.
@Suite(
  "Tools through the gateway to the real engine", .serialized,
  .enabled(
    if: Program.engineDirectory != nil, "the llama.cpp engine is not installed: run Deploy/engines/llamacpp/install"))
struct GatewayToolTests {
  private static let model = "with-tools"

  private static let template = """
    {% for m in messages %}<|im_start|>{{ 'user' if m.role == 'tool' else m.role }}
    {% if loop.first and tools %}Functions:
    {% for tool in tools %}{{ tool | tojson }}
    {% endfor %}{% endif %}{% if m.role == 'tool' %}<result>{{ m.content }}</result>{% else %}{{ m.content or '' }}\
    {% for c in m.tool_calls or [] %}<function={{ c.function.name }}>{{ c.function.arguments | tojson }}</function>\
    {% endfor %}{% endif %}<|im_end|>
    {% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
    {% endif %}
    """

  private func withTools(_ body: (TestCluster, HTTPCaller, _ plain: String) async throws -> Void) async throws {
    try await withGateway(
      prepare: { cluster in
        let python = "\(cluster.state)/engines/llamacpp/bin/python"
        let child = try ChildProcess.spawn(
          ChildProcess.Plan(
            [
              python, "-m", "gguf.scripts.gguf_new_metadata", "--chat-template", Self.template,
              "\(cluster.state)/models/dense-q8_0.gguf", "\(cluster.state)/models/\(Self.model).gguf",
            ], output: .discarded, error: .discarded))
        guard await child.end().isSuccess else {
          throw TestCluster.NotReady(description: "the model did not get its template")
        }
      }, body)
  }

  private func function(_ name: String) -> [String: Any] {
    [
      "type": "function",
      "function": [
        "name": name, "description": "Tells the weather",
        "parameters": [
          "type": "object", "properties": ["city": ["enum": ["Paris", "Rome"]]], "required": ["city"],
        ],
      ],
    ]
  }

  private func asked(_ more: [String: Any] = [:]) -> [String: Any] {
    chat(
      Self.model,
      [
        "tools": [function("get_weather"), function("get_forecast")], "parallel_tool_calls": false, "max_tokens": 200,
        "tool_choice": ["type": "function", "function": ["name": "get_weather"]],
      ].merging(more) { $1 })
  }

  private struct Call: Equatable {
    var name: String
    var city: String
  }

  private func calls(_ message: [String: Any]?) throws -> [Call] {
    try (message?["tool_calls"] as? [[String: Any]] ?? []).map { call in
      let function = try #require(call["function"] as? [String: Any])
      #expect(call["type"] as? String == "function" && (call["id"] as? String)?.isEmpty == false)
      let text = try #require(function["arguments"] as? String)
      let arguments = try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any], "\(text)")
      return Call(
        name: try #require(function["name"] as? String), city: try #require(arguments["city"] as? String))
    }
  }

  private func choice(_ answer: HTTPCaller.Answer) throws -> [String: Any] {
    try #require((answer.json?["choices"] as? [[String: Any]])?.first, "\(answer.text)")
  }

  @Test("A call that is asked for comes, whole, in pieces, and again to the same key")
  func required() async throws {
    try await withTools { _, gateway, _ in
      let body = try JSONSerialization.data(withJSONObject: asked())
      let answers = [
        try await gateway.post("/v1/chat/completions", body, headers: ["Idempotency-Key": "k"]),
        try await gateway.post("/v1/chat/completions", body, headers: ["Idempotency-Key": "k"]),
      ]
      let first = try choice(answers[0])
      #expect(first["finish_reason"] as? String == "tool_calls", "\(answers[0].text)")
      let message = try #require(first["message"] as? [String: Any])
      let calls = try calls(message)
      #expect(calls.map(\.name) == ["get_weather"] && ["Paris", "Rome"].contains(calls.first?.city))
      #expect(message["content"] is NSNull)
      let again = try choice(answers[1])
      #expect(NSDictionary(dictionary: again).isEqual(to: first), "from the history: \(answers[1].text)")
      let usage = try #require(answers[0].json?["usage"] as? [String: Any])
      #expect((usage["completion_tokens"] as? Int ?? 0) > 10 && (usage["prompt_tokens"] as? Int ?? 0) > 50)

      let streamed = try await gateway.post(
        "/v1/chat/completions", asked(["stream": true, "tool_choice": "required"]))
      var whole: [[String: Any]] = []
      for event in streamed.events {
        let choice = (event["choices"] as? [[String: Any]])?.first
        for piece in (choice?["delta"] as? [String: Any])?["tool_calls"] as? [[String: Any]] ?? [] {
          let index = try #require(piece["index"] as? Int)
          let function = try #require(piece["function"] as? [String: Any])
          if index == whole.count {
            #expect(function["name"] is String)
            whole.append(piece)
          } else {
            var joined = try #require(whole[index]["function"] as? [String: Any])
            joined["arguments"] = "\(joined["arguments"] ?? "")\(function["arguments"] ?? "")"
            whole[index]["function"] = joined
          }
        }
      }
      let pieces = try self.calls(["tool_calls": whole])
      #expect(pieces.count == 1 && ["get_weather", "get_forecast"].contains(pieces[0].name), "\(streamed.text)")
      let reasons = streamed.events.compactMap { event in
        ((event["choices"] as? [[String: Any]])?.first)?["finish_reason"] as? String
      }
      #expect(reasons == ["tool_calls"] && streamed.text.hasSuffix("data: [DONE]\n\n"))
    }
  }

  @Test("The result of a call goes back to the model, whose answer is a chat's as any")
  func results() async throws {
    try await withTools { _, gateway, _ in
      let call: [String: Any] = [
        "id": "c1", "type": "function", "function": ["name": "get_weather", "arguments": #"{"city":"Rome"}"#],
      ]
      let messages: [[String: Any]] = [
        ["role": "user", "content": "What is the weather?"],
        ["role": "assistant", "content": NSNull(), "tool_calls": [call]],
        ["role": "tool", "tool_call_id": "c1", "content": "rain"],
      ]
      let answer = try await gateway.post(
        "/v1/chat/completions", asked(["messages": messages, "tool_choice": "none", "max_tokens": 8]))
      #expect(answer.status == 200 && answer.content?.isEmpty == false, "\(answer.text)")
      #expect(try calls(try choice(answer)["message"] as? [String: Any]).isEmpty)
      let next = try await gateway.post("/v1/chat/completions", asked(["messages": messages]))
      #expect(try calls(try choice(next)["message"] as? [String: Any]).count == 1, "\(next.text)")
    }
  }

  @Test("A model whose template has no place for tools says so, as bad requests do, and the gateway goes on")
  func refusals() async throws {
    try await withTools { _, gateway, plain in
      let refused = try await gateway.post("/v1/chat/completions", asked(["model": plain]))
      #expect(refused.status == 400 && refused.error?["code"] as? String == "tools_refused", "\(refused.text)")
      #expect((refused.error?["message"] as? String)?.contains("chat template of \(plain)") == true, "\(refused.text)")
      for (bad, param) in [
        (["tools": [["type": "function", "function": [:]]]], "tools[0].function.name"),
        (["tools": (0..<1000).map { function("f\($0)") }, "tool_choice": "auto"], "tools"),
        (["tool_choice": ["type": "function", "function": ["name": "other"]]], "tool_choice"),
      ] as [([String: Any], String)] {
        let answer = try await gateway.post("/v1/chat/completions", asked(bad))
        #expect(answer.status == 400 && answer.error?["param"] as? String == param, "\(answer.text)")
      }
      let long = try await gateway.post(
        "/v1/chat/completions",
        asked([
          "messages": [
            ["role": "user", "content": "x"],
            [
              "role": "assistant",
              "tool_calls": [
                [
                  "id": "1", "type": "function",
                  "function": [
                    "name": "get_weather", "arguments": "\"" + String(repeating: "ab ", count: 80_000) + "\"",
                  ],
                ]
              ],
            ],
            ["role": "tool", "tool_call_id": "1", "content": "x"],
          ]
        ]))
      #expect(long.status == 400 && long.error?["code"] as? String == "context_length_exceeded", "\(long.text)")
      #expect(try await gateway.post("/v1/chat/completions", chat(plain)).status == 200)
    }
  }

  @Test("A line of a batch calls as a request does")
  func batch() async throws {
    try await withTools { cluster, _, _ in
      let line: [String: Any] = [
        "custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": asked(),
      ]
      let path = cluster.state + "/batch.jsonl"
      try JSONSerialization.data(withJSONObject: line).write(to: URL(fileURLWithPath: path))
      let output = try await cluster.run(["submit", "--batch", path, "--json"])
      #expect(output.status == 0, "\(output)")
      let results = try String(contentsOfFile: cluster.state + "/batch.results.jsonl", encoding: .utf8)
      let result = try #require(JSONSerialization.jsonObject(with: Data(results.utf8)) as? [String: Any], "\(results)")
      let answer = (result["response"] as? [String: Any])?["body"] as? [String: Any]
      let choice = try #require((answer?["choices"] as? [[String: Any]])?.first, "\(results)")
      #expect(try calls(choice["message"] as? [String: Any]).map(\.name) == ["get_weather"])
      #expect(choice["finish_reason"] as? String == "tool_calls")
    }
  }
}

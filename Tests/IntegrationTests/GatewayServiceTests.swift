import Foundation
import Testing

@Suite(
  "The gateway, before a coordinator and a worker with the real engine", .serialized,
  .enabled(
    if: Program.engineDirectory != nil, "the llama.cpp engine is not installed: run Deploy/engines/llamacpp/install"))
struct GatewayServiceTests {
  @Test("Whole or in pieces an answer is the same, is counted, and says where it ran")
  func answers() async throws {
    try await withGateway { cluster, gateway, model in
      #expect(try await gateway.get("/health").status == 200)
      let models = try await gateway.get("/v1/models").json?["data"] as? [[String: Any]]
      #expect(models?.map { $0["id"] as? String } == [model])
      #expect(try await gateway.get("/v1/models/\(model)").json?["workers"] as? [String] == ["w1"])

      let whole = try await gateway.post("/v1/chat/completions", chat(model))
      #expect(whole.status == 200, "\(whole.text)")
      let content = try #require(whole.content)
      #expect(!content.isEmpty && whole.headers["x-apus-node"] == "w1" && whole.headers["x-apus-ttft-ms"] != nil)
      let usage = try #require(whole.json?["usage"] as? [String: Any])
      #expect(usage["completion_tokens"] as? Int == 24 && (usage["prompt_tokens"] as? Int ?? 0) > 0, "\(usage)")
      let choice = try #require((whole.json?["choices"] as? [[String: Any]])?.first)
      #expect(choice["finish_reason"] as? String == "length")

      let pieces = try await gateway.post(
        "/v1/chat/completions", chat(model, ["stream": true, "stream_options": ["include_usage": true]]))
      #expect(pieces.status == 200 && pieces.headers["content-type"] == "text/event-stream")
      #expect(pieces.streamed == content && pieces.text.hasSuffix("data: [DONE]\n\n"))
      #expect((pieces.events.last?["usage"] as? [String: Any])?["completion_tokens"] as? Int == 24)
      let route = pieces.events.compactMap { $0["apus"] as? [String: Any] }.first
      #expect(route?["node"] as? String == "w1" && route?["ttft_ms"] is Double, "\(pieces.events.suffix(2))")

      let text = try await gateway.post(
        "/v1/completions", ["model": model, "prompt": "Once upon a time", "temperature": 0, "n": 2, "max_tokens": 4])
      #expect((text.json?["choices"] as? [[String: Any]])?.count == 2, "\(text.text)")

      // Up to the first space of what it said before.
      let stopped = try await gateway.post("/v1/chat/completions", chat(model, ["stop": [" "]]))
      let beginning = String(content.prefix { $0 != " " })
      #expect(beginning == content || stopped.content == beginning, "\(stopped.text) of \(content)")

      let id = try #require(whole.headers["x-apus-job"])
      #expect(try await gateway.get("/apus/v1/jobs/\(id)").json?["state"] as? String == "completed")
      #expect((try await gateway.get("/apus/v1/jobs").json?["jobs"] as? [Any] ?? []).count >= 4)
      #expect(try await gateway.get("/apus/v1/workers").text.contains("w1"))
      #expect(try await gateway.get("/apus/v1/recommend?model=\(model)&workload=chat").json?["decision"] is String)
      #expect(try await gateway.get("/apus/v1/history/stats").json?["job_count"] is Int)
      let metrics = try await gateway.get("/metrics").text
      #expect(metrics.contains("apus_gateway_requests_total{route=\"/v1/chat/completions\",status=\"200\"} 3"))
    }
  }

  @Test("What is wrong is refused with the right status, in OpenAI's shape, and the next request is served")
  func refusals() async throws {
    try await withGateway { cluster, gateway, model in
      let unknown = try await gateway.post("/v1/chat/completions", chat("no-such-model"))
      #expect(unknown.status == 404 && unknown.error?["code"] as? String == "model_not_found")
      #expect((unknown.error?["message"] as? String)?.contains(model) == true, "\(unknown.text)")
      let malformed = try await gateway.post("/v1/chat/completions", Data("{\"model\":".utf8))
      #expect(malformed.status == 400 && malformed.error?["code"] as? String == "invalid_json")
      let large = try await gateway.post(
        "/v1/chat/completions",
        chat(model, ["messages": [["role": "user", "content": String(repeating: "a", count: 9 << 20)]]]))
      #expect(large.status == 413, "\(large.text)")
      let long = try await gateway.post(
        "/v1/chat/completions",
        chat(model, ["messages": [["role": "user", "content": String(repeating: "word ", count: 20_000)]]]))
      #expect(long.status == 400, "\(long.text)")
      let nowhere = try await gateway.get("/v1/nothing")
      #expect(nowhere.status == 404 && nowhere.error != nil)
      #expect(try await gateway.get("/apus/v1/jobs/no-such-job").status == 404)
      #expect(try await gateway.post("/v1/chat/completions", chat(model)).status == 200)
      // Without its coordinator it says so.
      try await cluster.kill("coordinator")
      try await cluster.wait(for: "the gateway to notice") { try await gateway.get("/ready").status == 503 }
      let alone = try await gateway.post("/v1/chat/completions", chat(model))
      #expect(alone.status == 503 && alone.headers["retry-after"] != nil, "\(alone.text)")
    }
  }

  @Test("A client that goes away ends its job, and the engine is free")
  func disconnect() async throws {
    try await withGateway { cluster, gateway, model in
      for isStreamed in [true, false] {
        let body = String(
          decoding: try JSONSerialization.data(
            withJSONObject: chat(model, ["max_tokens": 4000, "stream": isStreamed])), as: UTF8.self)
        /// Of the newest job.
        func state() async throws -> String? {
          let jobs = try await gateway.get("/apus/v1/jobs?limit=1").json?["jobs"] as? [[String: Any]]
          return jobs?.first?["state"] as? String
        }
        let caller = try RunningProgram(
          shell: "exec curl -sN '\(gateway.url)/v1/chat/completions' -d '\(body)'")
        try await cluster.wait(for: isStreamed ? "a part of the answer" : "the job to run", caller) {
          try await isStreamed ? caller.standardOutput.contains("\"content\"") : state() == "running"
        }
        caller.signal(SIGTERM)
        _ = await caller.output()
        try await cluster.wait(for: "the job to be cancelled") { try await state() == "cancelled" }
      }
      #expect(try await gateway.post("/v1/chat/completions", chat(model)).status == 200)
    }
  }

  @Test("Many streams at once: each is whole, in order, and its own")
  func manyStreams() async throws {
    try await withGateway { _, gateway, model in
      let alone = try await gateway.post("/v1/chat/completions", chat(model, ["max_tokens": 8]))
      let content = try #require(alone.content)
      let body = try JSONSerialization.data(withJSONObject: chat(model, ["max_tokens": 8, "stream": true]))
      let answers = try await withThrowingTaskGroup(of: HTTPCaller.Answer.self) { group in
        for _ in 0..<64 { group.addTask { try await gateway.post("/v1/chat/completions", body) } }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(answers.allSatisfy { $0.status == 200 && $0.streamed == content })
    }
  }

  @Test("API keys: made, asked for, limited and revoked")
  func keys() async throws {
    try await withModels(workers: ["w1"]) { cluster, model in
      let made = try await cluster.run(["gateway", "keys", "add", "tester"])
      let key = made.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines)
      #expect(made.status == 0 && key.hasPrefix("apus-"), "\(made)")
      let stored = try String(contentsOfFile: cluster.state + "/gateway.keys", encoding: .utf8)
      #expect(!stored.contains(key))
      let gateway = try cluster.start("gateway", ["gateway", "--port", "0"])
      let address = cluster.state + "/gateway.address"
      try await cluster.wait(for: "the gateway", gateway) { FileManager.default.fileExists(atPath: address) }
      let caller = HTTPCaller(url: try String(contentsOfFile: address, encoding: .utf8))
      #expect(try await caller.get("/health").status == 200)
      #expect(try await caller.get("/v1/models").status == 401)
      let tester = HTTPCaller(url: caller.url, key: key)
      try await cluster.wait(for: "its coordinator", gateway) { try await tester.get("/v1/models").status == 200 }
      let second = try await cluster.run(["gateway", "keys", "add", "second"])
      let other = HTTPCaller(
        url: caller.url, key: second.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines))
      try await cluster.wait(for: "the second key", gateway) { try await other.get("/v1/models").status == 200 }
      #expect(try await cluster.run(["gateway", "keys", "revoke", "tester"]).status == 0)
      try await cluster.wait(for: "the revocation", gateway) { try await tester.get("/v1/models").status == 401 }
      #expect(try await other.get("/v1/models").status == 200)
      #expect(try await cluster.run(["gateway", "keys", "list"]).standardOutput.contains("tester") == false)
      #expect(try await cluster.run(["gateway", "keys", "revoke", "second"]).status == 0)
      let open = try await cluster.run(["gateway", "--host", "0.0.0.0", "--port", "0"])
      #expect(open.status == 64 && open.standardError.contains("API keys"), "\(open)")
    }
  }

  @Test("Clients that reset their connection before the answer leave no place taken")
  func resets() async throws {
    try await withCluster(workers: []) { cluster in
      try await cluster.startCoordinator()
      // The file of defaults with one of them changed.
      let options = cluster.state + "/gateway.yaml"
      let checkout = (0..<3).reduce(URL(fileURLWithPath: #filePath)) { path, _ in path.deletingLastPathComponent() }
      try String(contentsOf: checkout.appendingPathComponent("Deploy/config/gateway.yaml"), encoding: .utf8)
        .replacing("request_limit: 1024", with: "request_limit: 4")
        .write(toFile: options, atomically: true, encoding: .utf8)
      let gateway = try cluster.start("gateway", ["gateway", "--port", "0", "--config", options])
      let address = cluster.state + "/gateway.address"
      try await cluster.wait(for: "the gateway", gateway) { FileManager.default.fileExists(atPath: address) }
      let caller = HTTPCaller(url: try String(contentsOfFile: address, encoding: .utf8))
      try await cluster.wait(for: "its coordinator", gateway) { try await caller.get("/ready").status == 200 }
      let port = try #require(caller.url.split(separator: ":").last)
      let script = """
        import socket, struct
        for _ in range(12):
            s = socket.create_connection(("127.0.0.1", \(port)))
            s.sendall(b"GET /apus/v1/workers HTTP/1.1\\r\\nHost: here\\r\\n\\r\\n")
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.close()
        """
      let file = cluster.state + "/reset.py"
      try script.write(toFile: file, atomically: true, encoding: .utf8)
      let resetting = await (try RunningProgram(shell: "exec python3 -I '\(file)'")).output()
      #expect(resetting.status == 0, "\(resetting)")
      try await cluster.wait(for: "no request to be running", gateway) {
        try await caller.get("/metrics").text.contains("apus_gateway_running_requests 0")
      }
      #expect(try await caller.get("/apus/v1/workers").status == 200)
    }
  }

  @Test("HTTPS from files; half of them, or others, are refused")
  func tls() async throws {
    try await withCluster(workers: []) { cluster in
      try await cluster.startCoordinator()
      let (certificate, key) = (cluster.state + "/own.crt", cluster.state + "/own.key")
      let made = try RunningProgram(
        shell:
          "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout \(key) -out \(certificate)")
      #expect(await made.output().status == 0)
      let half = try await cluster.run(["gateway", "--port", "0", "--tls-key", key])
      #expect(half.status == 64 && half.standardError.contains("--tls-certificate"), "\(half)")
      let wrong = try await cluster.run(["gateway", "--port", "0", "--tls-key", key, "--tls-certificate", key])
      #expect(wrong.status == 65 && wrong.standardError.contains("certificate"), "\(wrong)")
      let gateway = try cluster.start(
        "gateway", ["gateway", "--port", "0", "--tls-key", key, "--tls-certificate", certificate])
      let address = cluster.state + "/gateway.address"
      try await cluster.wait(for: "the gateway", gateway) { FileManager.default.fileExists(atPath: address) }
      let url = try String(contentsOfFile: address, encoding: .utf8)
      #expect(url.hasPrefix("https://"))
      let asked = try RunningProgram(
        shell: "curl -s --cacert \(certificate) --connect-to localhost::127.0.0.1: "
          + url.replacingOccurrences(of: "127.0.0.1", with: "localhost") + "/health")
      let answer = await asked.output()
      #expect(answer.standardOutput.contains("ok"), "\(answer)")
    }
  }
}

import Foundation
import FoundationNetworking
import Messaging
import Serving
import Testing

@testable import Gateway

/// The gateway on a real socket, before a coordinator that says what a test wants.
@Suite(.timeLimit(.minutes(10))) struct GatewaySocketTests: SocketSuite {
  @Test("What the engine says of an answer reaches the client, whole and streamed", arguments: [false, true])
  func answers(isStreamed: Bool) async throws {
    try await withGateway { coordinator, port, _ in
      var request = URLRequest(url: try #require(URL(string: "http://127.0.0.1:\(port)/v1/chat/completions")))
      request.httpMethod = "POST"
      request.httpBody = Data((Self.body + "\(isStreamed)}").utf8)
      let asking = Task { [request] in try await send(request) }
      let (id, spec) = try await submission(coordinator)
      #expect(spec.sampling == Sampling(logprobs: 0))
      var job = JobRecord(id: JobID("one"), client: "c", spec: spec, submittedAtMS: 0)
      coordinator.answer(id, .accepted(job))
      for (place, text) in ["a", "b"].enumerated() {
        let said = TokenLogprob(.init(bytes: Array(text.utf8), logprob: -0.5))
        let chunk = TokenChunk(
          job: job.id, lease: LeaseID("l"), firstIndex: place, GeneratedTokens([Int32(place)], text, logprobs: [said]))
        coordinator.answer(id, .tokens(chunk))
      }
      job.state = .completed
      job.output = "ab"
      // As many tokens as were asked for, and a text to stop at with the last of them.
      job.finishReason = .stop
      coordinator.answer(id, .jobEnded(JobEnd(job, .answer(outputTokens: 2))))
      let answer = try await asking.value
      #expect(answer.status == 200 && answer.text.contains(#""finish_reason":"stop""#), "\(answer.text)")
      for token in ["a", "b"] { #expect(answer.text.contains(#"{"token":"\#(token)","logprob":-0.5,"bytes":["#)) }
      #expect(answer.text.hasPrefix("data: ") == isStreamed)
    }
  }

  @Test("Calls reach the client, those that its stream missed at the end", arguments: [false, true])
  func calls(isStreamed: Bool) async throws {
    try await withGateway { coordinator, port, _ in
      var request = URLRequest(url: try #require(URL(string: "http://127.0.0.1:\(port)/v1/chat/completions")))
      request.httpMethod = "POST"
      let tool = #"{"type":"function","function":{"name":"f"}}"#
      request.httpBody = Data(
        #"{"model":"m","messages":[{"role":"user","content":"p"}],"tools":[\#(tool)],"stream":\#(isStreamed)}"#.utf8)
      let asking = Task { [request] in try await send(request) }
      let (id, spec) = try await submission(coordinator)
      #expect(spec.tools == Tools(functions: [Tools.Function(name: "f", json: tool)]))
      var job = JobRecord(id: JobID("one"), client: "c", spec: spec, submittedAtMS: 0)
      coordinator.answer(id, .accepted(job))
      let piece = ToolCallPiece(index: 0, id: "c1", name: "f", arguments: "{")
      coordinator.answer(
        id,
        .tokens(
          TokenChunk(
            job: job.id, lease: LeaseID("l"), firstIndex: 0, GeneratedTokens([1], "", toolCalls: [piece]))))
      job.state = .completed
      job.toolCalls = ["c1", "c2"].map { ToolCall(id: $0, name: "f", arguments: "{}") }
      job.finishReason = .toolCalls
      coordinator.answer(id, .jobEnded(JobEnd(job, .answer(outputTokens: 2))))
      let answer = try await asking.value
      #expect(answer.status == 200 && answer.text.contains(#""finish_reason":"tool_calls""#), "\(answer.text)")
      let parts =
        isStreamed
        ? [
          #"{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":"{"}}]}"#,
          #"{"tool_calls":[{"index":0,"function":{"arguments":"}"}},{"index":1,"id":"c2","type":"function","#,
        ] : [#""content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}},{"#]
      for part in parts { #expect(answer.text.contains(part), "\(answer.text)") }
    }
  }

  @Test("A job belongs to the API key that it came with, with the idempotency key that the client chose")
  func tenants() async throws {
    let known: @Sendable (String) -> GatewayKey? = { $0 == "secret" ? GatewayKey(name: "alice") : nil }
    try await withGateway(apiKey: known) { coordinator, port, _ in
      var request = URLRequest(url: try #require(URL(string: "http://127.0.0.1:\(port)/v1/chat/completions")))
      request.httpMethod = "POST"
      request.httpBody = Data((Self.body + "false}").utf8)
      request.setValue("k", forHTTPHeaderField: "Idempotency-Key")
      for wrong in [nil, "Bearer alice", "secret"] {
        request.setValue(wrong, forHTTPHeaderField: "Authorization")
        let refused = try await send(request)
        #expect(refused.status == 401 && refused.text.contains("invalid_api_key"))
        let challenge = try await ask(port, "GET", "/v1/models").value(forHTTPHeaderField: "WWW-Authenticate")
        #expect(challenge == "Bearer")
      }
      request.setValue("Bearer secret", forHTTPHeaderField: "Authorization")
      let asking = Task { [request] in try await send(request) }
      let (id, spec) = try await submission(coordinator)
      #expect(spec.tenant == "alice" && spec.idempotencyKey == "k")
      var job = JobRecord(id: JobID("one"), client: "gateway", spec: spec, submittedAtMS: 0)
      coordinator.answer(id, .accepted(job))
      job.state = .completed
      coordinator.answer(id, .jobEnded(JobEnd(job, .answer(outputTokens: 0))))
      #expect(try await asking.value.status == 200)
    }
  }

  private func ask(
    _ port: Int, _ method: String, _ path: String, _ headers: [String: String] = [:]
  ) async throws -> HTTPURLResponse {
    var request = URLRequest(url: try #require(URL(string: "http://127.0.0.1:\(port)\(path)")))
    request.httpMethod = method
    for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
    return try #require(try await URLSession.shared.data(for: request).1 as? HTTPURLResponse)
  }

  @Test("Paths say which methods they take, and have HEAD where they have GET")
  func methods() async throws {
    try await withGateway { _, port, _ in
      for (method, path, allowed) in [
        ("GET", "/v1/chat/completions", "POST"), ("DELETE", "/v1/models/m", "GET, HEAD"),
        ("POST", "/health", "GET, HEAD"), ("GET", "/apus/v1/jobs/1/cancel", "POST"),
      ] {
        let answer = try await ask(port, method, path)
        #expect(answer.statusCode == 405 && answer.value(forHTTPHeaderField: "Allow") == allowed)
      }
      #expect(try await ask(port, "GET", "/v1/nothing").statusCode == 404)
      #expect(try await ask(port, "HEAD", "/health").statusCode == 200)
    }
  }

  @Test("Pages of the origins that may ask are let in before the key is asked for, and no others")
  func crossOrigin() async throws {
    var configuration = GatewayConfiguration(port: 0)
    configuration.crossOrigins = ["https://page.example"]
    let nobody: @Sendable (String) -> GatewayKey? = { _ in nil }
    try await withGateway(configuration, apiKey: nobody) { _, port, _ in
      let wish = [
        "Origin": "https://page.example", "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
      ]
      let may = try await ask(port, "OPTIONS", "/v1/chat/completions", wish)
      #expect(may.statusCode == 204)
      #expect(may.value(forHTTPHeaderField: "Access-Control-Allow-Origin") == "https://page.example")
      #expect(may.value(forHTTPHeaderField: "Access-Control-Allow-Headers") == "authorization")
      let told = try await ask(port, "POST", "/v1/chat/completions", ["Origin": "https://page.example"])
      #expect(told.statusCode == 401)
      #expect(told.value(forHTTPHeaderField: "Access-Control-Allow-Origin") == "https://page.example")
      let other = try await ask(
        port, "OPTIONS", "/v1/chat/completions", wish.merging(["Origin": "https://other.example"]) { $1 })
      #expect(other.statusCode == 401 && other.value(forHTTPHeaderField: "Access-Control-Allow-Origin") == nil)
    }
  }

  @Test("A client that is gone before its job is accepted leaves no job", arguments: [false, true])
  func gone(isStreamed: Bool) async throws {
    try await withGateway { coordinator, port, _ in
      let client = RawClient(port: port)
      client.send(Self.body + "\(isStreamed)}")
      let (id, spec) = try await submission(coordinator)
      client.leave()
      coordinator.answer(id, .accepted(JobRecord(id: JobID("one"), client: "c", spec: spec, submittedAtMS: 0)))
      #expect(await coordinator.cancelled(1) == [JobID("one")])
      // And the gateway goes on.
      let ready = try await get(port, "/ready")
      #expect(ready.status == 200)
    }
  }

  @Test("More connections than the limit wait until others end")
  func connectionLimit() async throws {
    var configuration = GatewayConfiguration(port: 0)
    configuration.connectionLimit = 4
    try await withGateway(configuration) { _, port, _ in
      // Some are taken at once, so that there may be a few more than the limit.
      let silent = (0..<16).map { _ in RawClient(port: port) }
      let late = RawClient(port: port)
      late.send("{")
      #expect(await late.receiveNothing(for: .milliseconds(200)))
      for client in silent { client.leave() }
      let answer = try await late.receive { $0.contains("\r\n\r\n") }
      #expect(answer.hasPrefix("HTTP/1.1 400"), "\(answer)")
      late.leave()
    }
  }

  @Test("A connection carries one answer after another, and its client is still missed when it goes")
  func keptAlive() async throws {
    try await withGateway { coordinator, port, _ in
      let client = RawClient(port: port)
      for (name, isStreamed) in [("one", false), ("two", true), ("three", false)] {
        client.send(Self.body + "\(isStreamed)}")
        let (id, spec) = try await submission(coordinator)
        var job = JobRecord(id: JobID(name), client: "c", spec: spec, submittedAtMS: 0)
        coordinator.answer(id, .accepted(job))
        job.state = .completed
        job.output = "text of \(name)"
        coordinator.answer(id, .jobEnded(JobEnd(job, .answer(outputTokens: 2))))
        // A whole answer ends with its list of jobs, a streamed one with an empty chunk.
        let answer = try await client.receive { $0.hasSuffix(isStreamed ? "\r\n0\r\n\r\n" : "}]}") }
        #expect(answer.hasPrefix("HTTP/1.1 200") && answer.contains("text of \(name)"), "\(answer)")
        #expect(!answer.lowercased().contains("connection: close"))
      }
      client.send(Self.body + "true}")
      let (id, spec) = try await submission(coordinator)
      let job = JobRecord(id: JobID("four"), client: "c", spec: spec, submittedAtMS: 0)
      coordinator.answer(id, .accepted(job))
      coordinator.answer(id, piece(job, "a piece"))
      _ = try await client.receive { $0.contains("a piece") }
      client.leave()
      #expect(await coordinator.cancelled(1) == [JobID("four")])
    }
  }

  @Test("What fails before the first token has its own status; later the stream tells it, and it counts as what it is")
  func failedStreams() async throws {
    try await withGateway { coordinator, port, _ in
      for pieces in 0...1 {
        var request = URLRequest(url: try #require(URL(string: "http://127.0.0.1:\(port)/v1/chat/completions")))
        request.httpMethod = "POST"
        request.httpBody = Data((Self.body + "true}").utf8)
        let asking = Task { [request] in try await send(request) }
        let (id, spec) = try await submission(coordinator)
        var job = JobRecord(id: JobID("one"), client: "c", spec: spec, submittedAtMS: 0)
        coordinator.answer(id, .accepted(job))
        for _ in 0..<pieces { coordinator.answer(id, piece(job, "a piece")) }
        job.state = .failed
        job.finishReason = .promptTooLong
        coordinator.answer(id, .jobEnded(JobEnd(job, nil)))
        let answer = try await asking.value
        #expect(answer.status == (pieces == 0 ? 400 : 200) && answer.text.contains("context_length_exceeded"))
        #expect(answer.text.contains("a piece") == (pieces > 0), "\(answer.text)")
        // Those of the stream count, though the job failed.
        #expect(try await scrape(coordinator, port).contains("apus_gateway_output_tokens_total \(pieces)\n"))
        let line = #"apus_gateway_requests_total{route="/v1/chat/completions",status="400"} \#(pieces + 1)"#
        let metrics = try await scrape(coordinator, port)
        #expect(metrics.contains(line), "\(metrics)")
      }
    }
  }

  /// The gateway's numbers, beside a coordinator that says none.
  private func scrape(_ coordinator: ScriptedCoordinator, _ port: Int) async throws -> String {
    async let scraped = get(port, "/metrics").text
    coordinator.answer(await coordinator.next().id, .failure(ApusError(.unavailable, "not now")))
    return try await scraped
  }

  @Test("Prometheus reads what the coordinator and its workers say beside the gateway's own numbers")
  func metrics() async throws {
    try await withGateway { coordinator, port, _ in
      var metrics = CoordinatorMetrics()
      metrics.jobsAccepted = 7
      let status = CoordinatorStatus(upSeconds: 1.5, queuedJobCount: 3, metrics: metrics, workers: [])
      var lines: [Substring] = []
      // The gateway waits 2 s for the coordinator, which is answered later than that where much runs at once.
      for _ in 0..<30 where !lines.contains("apus_coordinator_up_seconds 1.5") {
        async let scraped = get(port, "/metrics").text
        let question = await coordinator.next()
        #expect(question.request == .showStatus)
        coordinator.answer(question.id, .status(status))
        lines = try await scraped.split(separator: "\n")
      }
      for line in [
        "apus_gateway_coordinator_connected 1", "apus_coordinator_up_seconds 1.5", "apus_coordinator_queued_jobs 3",
        "apus_coordinator_jobs_accepted_total 7", "apus_coordinator_jobs_ended_total 0",
        "# TYPE apus_worker_alive gauge",
      ] {
        #expect(lines.contains { $0 == line }, "\(line)")
      }
    }
  }

  @Test("A client that reads nothing of its stream loses it, and its job is cancelled")
  func stalled() async throws {
    try await withGateway(GatewayConfiguration(port: 0, stallSeconds: 1)) { coordinator, port, _ in
      let client = RawClient(port: port)
      client.send(Self.body + "true}")
      let (id, spec) = try await submission(coordinator)
      let job = JobRecord(id: JobID("one"), client: "c", spec: spec, submittedAtMS: 0)
      coordinator.answer(id, .accepted(job))
      // More than the system keeps for a reader.
      let text = String(repeating: "a", count: 1 << 20)
      for place in 0..<64 {
        coordinator.answer(
          id,
          .tokens(
            TokenChunk(
              job: job.id, lease: LeaseID("l"), firstIndex: place, GeneratedTokens([Int32(place)], text))))
      }
      #expect(await coordinator.cancelled(1) == [JobID("one")])
      let metrics = try await get(port, "/metrics").text
      #expect(metrics.contains("apus_gateway_stalled_clients_total 1\n"), "\(metrics)")
      client.leave()
    }
  }
}

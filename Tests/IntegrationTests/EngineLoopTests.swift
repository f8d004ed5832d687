import Engines
import Foundation
import FoundationNetworking
import Testing

@Suite(
  "The whole loop on the real engine", .serialized,
  .enabled(
    if: Program.engineDirectory != nil, "the llama.cpp engine is not installed: run Deploy/engines/llamacpp/install"))
struct EngineLoopTests {
  @Test("A small benchmark measures, trains, recommends and routes; the job's measurement is stored")
  func loop() async throws {
    try await withModels(workers: ["w1"]) { cluster, model in
      let benchmark = try await cluster.run([
        "benchmark", "--model", model, "--workload", "chat", "--workload", "edit", "--half", "--budget", "180s",
        "--methods", "thread-count,flash-attention,n-gram-speculation", "--json",
      ])
      #expect(benchmark.status == 0, "\(benchmark)")
      let findings = try #require(benchmark.json?["findings"] as? [[String: Any]])
      // Beside other tests the budget may end before the second workload's turn.
      #expect((1...2).contains(findings.count), "\(benchmark)")
      #expect(findings.allSatisfy { $0["default"] is [String: Any] }, "\(benchmark)")
      let trained = try await cluster.run(["selector", "train", "--json"])
      #expect((trained.json?["row_count"] as? Int ?? 0) > 0, "\(trained)")
      let answer = try await cluster.run([
        "recommend", "--model", model, "--workload", "chat", "--json", "--top", "3",
      ])
      let candidates = try #require(answer.json?["candidates"] as? [[String: Any]], "\(answer)")
      #expect((1...3).contains(candidates.count) && answer.json?["decision"] is String)
      let submitted = try await cluster.run([
        "submit", "--model", model, "--prompt", "hello there", "--max-tokens", "16", "--json",
        "--idempotency-key", "once",
      ])
      #expect(submitted.json?["state"] as? String == "completed", "\(submitted)")
      #expect((submitted.json?["ttft_ms"] as? Double ?? 0) > 0, "\(submitted)")
      let again = try await cluster.run([
        "submit", "--model", model, "--prompt", "hello there", "--max-tokens", "16", "--json",
        "--idempotency-key", "once",
      ])
      #expect(again.json?["job"] as? String == submitted.json?["job"] as? String, "\(again)")
    }
  }

  /// GETs or POSTs to an address; nil while nobody answers 200 there.
  private func body(of url: String, posting text: String? = nil) async -> String? {
    guard let address = URL(string: url) else { return nil }
    var request = URLRequest(url: address)
    if let text {
      request.httpMethod = "POST"
      request.httpBody = Data(text.utf8)
      request.setValue("application/json", forHTTPHeaderField: "Content-Type")
    }
    guard let (data, response) = try? await URLSession.shared.data(for: request),
      (response as? HTTPURLResponse)?.statusCode == 200
    else { return nil }
    return String(decoding: data, as: UTF8.self)
  }

  @Test("What --emit command prints runs as printed, in another folder and without Apus, and answers")
  func emitCommand() async throws {
    try await withModels(workers: ["w1"]) { cluster, model in
      let port = try LoopbackPort.free()
      let emitted = try await cluster.run([
        "recommend", "--model", model, "--workload", "chat", "--emit", "command", "--port", String(port),
      ])
      #expect(emitted.status == 0 && emitted.standardOutput.split(separator: "\n").count == 1, "\(emitted)")
      let unit = try await cluster.run([
        "recommend", "--model", model, "--workload", "chat", "--emit", "systemd", "--json",
      ])
      #expect((unit.json?["text"] as? String)?.contains("ExecStart=") == true, "\(unit)")

      // `exec`, so that the signal below reaches the engine and not a shell that waits for it.
      let engine = try RunningProgram(shell: "cd / && exec " + emitted.standardOutput)
      try await cluster.wait(for: "the emitted engine", engine) {
        await body(of: "http://127.0.0.1:\(port)/health") != nil
      }
      let answer = await body(
        of: "http://127.0.0.1:\(port)/v1/completions",
        posting: #"{"model": "any", "prompt": "once upon a time", "max_tokens": 8}"#)
      let json = try JSONSerialization.jsonObject(with: Data(try #require(answer).utf8)) as? [String: Any]
      let usage = try #require(json?["usage"] as? [String: Any], "\(answer ?? "")")
      #expect(usage["completion_tokens"] as? Int == 8)
      engine.signal(SIGTERM)
      #expect(await engine.output().status == 0)
    }
  }

  @Test("What cannot be emitted is refused: an unknown format, a port out of range, a machine without a worker")
  func emitRefusals() async throws {
    try await withModels(workers: ["w1"]) { cluster, model in
      let base = ["recommend", "--model", model, "--workload", "chat", "--emit"]
      for (arguments, status) in [
        (["ansible"], 64), (["command", "--port", "0"], 64), (["command", "--context", "0"], 64),
        (["command", "--max-memory", "1M"], 69),
      ] as [([String], Int32)] {
        let output = try await cluster.run(base + arguments)
        #expect(output.status == status && output.standardOutput.isEmpty, "\(arguments): \(output)")
      }
    }
  }

  @Test("A worker killed in the middle of a job: the job ends on the other one, once, and nothing is shown twice")
  func workerDies() async throws {
    try await withModels(workers: ["w1", "w2"]) { cluster, model in
      // The reference run says what the whole text is.
      // Long enough to be still running when its worker is looked up and killed.
      let arguments = ["submit", "--model", model, "--prompt", "once upon a time", "--max-tokens", "1200"]
      let reference = try await cluster.run(arguments)
      #expect(reference.status == 0, "\(reference)")
      let client = try RunningProgram(arguments + ["--stream", "--state", cluster.state])
      try await cluster.wait(for: "the first tokens", client) { client.standardOutput.count > 40 }
      let jobs = try await cluster.run(["jobs", "list", "--status", "running", "--json"])
      let running = try #require((jobs.json?["jobs"] as? [[String: Any]])?.first, "\(jobs)")
      let worker = try #require(running["worker"] as? String)
      let before = client.standardOutput
      try await cluster.kill(worker)
      let output = await client.output()
      #expect(output.status == 0, "\(output)")
      #expect(output.standardOutput.hasPrefix(before) && output.standardOutput.count > before.count, "\(output)")
      #expect(reference.standardOutput.hasPrefix(before))
      let id = try #require(running["job"] as? String)
      let shown = try await cluster.run(["jobs", "show", id, "--json"])
      // Not the reference's rest: the engine reads what was generated in one piece where it made it token by token, and
      // where two tokens are as likely but for rounding it may then go on with the other one.
      #expect(Self.trimmed(output.standardOutput) == Self.trimmed(shown.json?["output"] as? String ?? ""), "\(output)")
      #expect(shown.json?["attempt_count"] as? Int == 2 && shown.json?["worker"] as? String != worker, "\(shown)")
      let stats = try await cluster.run(["history", "stats", "--json"])
      #expect((stats.json?["outcomes"] as? [String: Int])?["lost_worker"] == 1, "\(stats)")
    }
  }

  private static func trimmed(_ text: String) -> String { text.trimmingCharacters(in: .whitespacesAndNewlines) }

  @Test("A coordinator killed with work accepted: after its restart every accepted job ends")
  func coordinatorDies() async throws {
    try await withModels(workers: ["w1"]) { cluster, model in
      var clients: [RunningProgram] = []
      for number in 0..<4 {
        let client = try RunningProgram([
          "submit", "--model", model, "--prompt", "story \(number)", "--max-tokens", "200", "--stream", "--state",
          cluster.state,
        ])
        clients.append(client)
      }
      try await cluster.wait(for: "four accepted jobs") {
        clients.allSatisfy { $0.standardError.contains("accepted as") || !$0.isRunning }
      }
      let address = try String(contentsOfFile: cluster.state + "/coordinator.address", encoding: .utf8)
      try await cluster.kill("coordinator")
      for client in clients { client.signal(SIGTERM) }
      try await cluster.startCoordinator(["--bind", address])
      try await cluster.wait(for: "all four jobs to end") {
        let jobs = try await cluster.run(["jobs", "list", "--status", "completed", "--json"])
        return (jobs.json?["jobs"] as? [Any])?.count == 4
      }
      let check = try await cluster.run(["history", "check"])
      #expect(check.status == 0, "\(check)")
    }
  }

  @Test("The engine ends with its worker, also at kill -9")
  func noOrphans() async throws {
    try await withModels(workers: ["w1"]) { cluster, model in
      let submitted = try await cluster.run(["submit", "--model", model, "--prompt", "hi", "--max-tokens", "4"])
      #expect(submitted.status == 0, "\(submitted)")
      #expect(!cluster.engines().isEmpty)
      try await cluster.kill("w1")
      try await cluster.wait(for: "the engine to end") { cluster.engines().isEmpty }
    }
  }
}

import Foundation
import Testing

/// A node that hangs without being lost: its worker answers every heartbeat, and its engine is stopped.
@Suite(
  "A second node for a silent job", .serialized,
  .enabled(if: Program.engineDirectory != nil, "the llama.cpp engine is not installed: Deploy/engines/llamacpp/install")
)
struct HedgingTests {
  private static let request = ["--prompt", "once upon a time", "--max-tokens", "64"]

  /// Neither loads an engine nor sends a job elsewhere on its own account, so that it is known who is asked first.
  private static let coordinator = [
    "--bind", "tcp://127.0.0.1:0", "--hedge-share", "0.5", "--exploration-share", "0", "--prewarm", "false",
  ]

  @Test("The engine is frozen: the second worker's first token wins, the first lets go while frozen, nothing leaks")
  func frozenEngine() async throws {
    try await withModels(workers: ["w1"], coordinator: Self.coordinator) { cluster, model in
      let submit = ["submit", "--model", model] + Self.request
      // Until the coordinator foresees the time to the first token, without which nothing is silent for too long.
      var text = ""
      var count = 0
      try await cluster.wait(for: "a forecast of w1") {
        let output = try await cluster.run(submit + ["--json"])
        #expect(output.status == 0, "\(output)")
        text = output.json?["output"] as? String ?? ""
        count += 1
        return output.json?["predicted_ttft_ms"] is Double
      }
      #expect(!text.isEmpty)
      let made = try await cluster.run(["keys", "generate", "w2", "--role", "worker"])
      #expect(made.status == 0, "\(made)")
      try await cluster.startWorker("w2")
      let engines = cluster.engines(of: "w1")
      try #require(engines.count == 1 && cluster.engines(of: "w2").isEmpty, "\(engines)")
      let engine = engines[0]

      ForeignProcess.signal(engine, SIGSTOP)
      defer { ForeignProcess.signal(engine, SIGCONT) }
      try await cluster.wait(for: "the engine to stand still") { ForeignProcess.isStopped(engine) }
      let output = try await cluster.run(submit + ["--stream"])
      #expect(output.status == 0, "\(output)")
      #expect(
        output.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines)
          == text.trimmingCharacters(in: .whitespacesAndNewlines), "the second node's answer, once")
      let job = try #require(try await cluster.jobs().first)
      #expect(job["worker"] as? String == "w2" && job["state"] as? String == "completed", "\(job)")
      let id = try #require(job["job"] as? String)
      let shown = try await cluster.run(["jobs", "show", id, "--json"])
      #expect(shown.json?["attempt_count"] as? Int == 2, "\(shown)")

      // What was taken from w1 ends there although its engine never answers: the place is free, and the outcome is one.
      try await cluster.wait(for: "w1 to let go") { try await cluster.leases() == ["w1": 0, "w2": 0] }
      #expect(ForeignProcess.isStopped(engine))
      try await cluster.wait(for: "what w1 has to say of it") { try await cluster.outcomes()["cancelled"] == 1 }
      #expect(try await cluster.outcomes() == ["completed": count + 1, "cancelled": 1])
      #expect(try await cluster.jobs().count == count + 1)

      ForeignProcess.signal(engine, SIGCONT)
      try await cluster.kill("w2")
      try await cluster.wait(for: "w2 to be missed") { try await !cluster.isAlive("w2") }
      let next = try await cluster.run(submit + ["--json"])
      #expect(next.json?["output"] as? String == text && next.json?["worker"] as? String == "w1", "\(next)")
      #expect(cluster.engines(of: "w1") == [engine], "the same engine, and no other")
      #expect(try await cluster.leases()["w1"] == 0)
      #expect(try await cluster.outcomes() == ["completed": count + 2, "cancelled": 1])
      let check = try await cluster.run(["history", "check"])
      #expect(check.status == 0, "\(check)")
    }
  }
}

extension TestCluster {
  /// Measurements by what came of them.
  fileprivate func outcomes() async throws -> [String: Int] {
    try await run(["history", "stats", "--json"]).json?["outcomes"] as? [String: Int] ?? [:]
  }
}

import Foundation
import Testing

@Suite(
  "Workers load engines before their jobs come", .serialized,
  .enabled(if: Program.engineDirectory != nil, "the llama.cpp engine is not installed: Deploy/engines/llamacpp/install")
)
struct PrewarmingTests {
  @Test(
    "A worker that starts again has its jobs' engine loaded before the next one comes; so has it after a restart of both"
  )
  func comesBack() async throws {
    try await withModels(workers: ["w1"]) { cluster, model in
      func warm() async throws -> [String] {
        let workers = try await cluster.run(["workers", "--json"]).json?["workers"] as? [[String: Any]]
        return workers?.first { $0["is_alive"] as? Bool == true }?["warm_configurations"] as? [String] ?? []
      }
      for number in 1...3 {
        let output = try await cluster.run(
          ["submit", "--model", model, "--prompt", "Count: \(number)", "--max-tokens", "4", "--json"])
        #expect(output.status == 0, "\(output)")
      }
      let jobs = try await cluster.run(["jobs", "list", "--json"]).standardOutput

      try await cluster.kill("w1")
      try await cluster.startWorker("w1")
      try await cluster.wait(for: "the engine") { try await !warm().isEmpty }
      #expect(try await cluster.run(["jobs", "list", "--json"]).standardOutput == jobs, "no job ran")

      try await cluster.kill("w1")
      try await cluster.kill("coordinator")
      try await cluster.startCoordinator()
      try await cluster.startWorker("w1")
      try await cluster.wait(for: "the engine after both restarts") { try await !warm().isEmpty }
      #expect(try await cluster.run(["jobs", "list", "--json"]).standardOutput == jobs, "no job ran")
      let next = try await cluster.run(
        ["submit", "--model", model, "--prompt", "Count: 4", "--max-tokens", "4", "--json"])
      #expect(next.status == 0, "\(next)")
      #expect(try await warm().count == 1, "the job had the engine that was there")
    }
  }
}

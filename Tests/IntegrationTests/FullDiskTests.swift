import Foundation
import Testing

@Suite(
  "A full disk loses nothing that was acknowledged", .serialized,
  .enabled(
    if: Program.engineDirectory != nil, "the llama.cpp engine is not installed: run Deploy/engines/llamacpp/install"),
  .enabled(if: SmallDisk.canMount, "mounting a small file system needs root"))
struct FullDiskTests {
  /// Puts the history of a cluster on a disk of its own. SQLite follows the link, so its other files lie beside it.
  private func onSmallDisk(_ body: (TestCluster, SmallDisk, _ model: String) async throws -> Void) async throws {
    let disk = try SmallDisk(megabytes: 8)
    try await withModels(
      workers: ["w1"],
      prepare: { cluster in
        try FileManager.default.createSymbolicLink(
          atPath: cluster.state + "/history.sqlite", withDestinationPath: disk.path + "/history.sqlite")
      },
      body: { cluster, model in try await body(cluster, disk, model) })
  }

  @Test("A job that cannot be remembered is refused with 74, and taken once there is room again")
  func submit() async throws {
    try await onSmallDisk { cluster, disk, model in
      let arguments = ["submit", "--model", model, "--prompt", "hello", "--max-tokens", "8", "--json"]
      #expect(try await cluster.run(arguments + ["--idempotency-key", "before"]).status == 0)
      try disk.fill()
      let refused = try await cluster.run(arguments + ["--idempotency-key", "full"])
      #expect(refused.status == 74 && refused.standardError.contains("full"), "\(refused)")
      disk.free()
      let taken = try await cluster.run(arguments + ["--idempotency-key", "full"])
      #expect(taken.json?["state"] as? String == "completed", "\(taken)")
      let jobs = try await cluster.run(["jobs", "list", "--json"])
      #expect((jobs.json?["jobs"] as? [Any])?.count == 2, "\(jobs)")
      let check = try await cluster.run(["history", "check"])
      #expect(check.status == 0, "\(check)")
    }
  }

  @Test("A disk that fills while a job runs: the job ends, with its measurement, once there is room again")
  func report() async throws {
    try await onSmallDisk { cluster, disk, model in
      let client = try RunningProgram([
        "submit", "--model", model, "--prompt", "once upon a time", "--max-tokens", "1200", "--stream", "--state",
        cluster.state,
      ])
      try await cluster.wait(for: "the first tokens", client) { client.standardOutput.count > 10 }
      try disk.fill()
      // The worker reports to a coordinator that cannot store it, and keeps the report.
      try await cluster.wait(for: "a write that failed", client) {
        cluster.logs().contains("did not take a write")
      }
      #expect(client.isRunning, "a job ended whose measurement is not stored")
      disk.free()
      let output = await client.output()
      #expect(output.status == 0, "\(output)")
      let jobs = try await cluster.run(["jobs", "list", "--status", "completed", "--json"])
      let job = try #require((jobs.json?["jobs"] as? [[String: Any]])?.first?["job"] as? String, "\(jobs)")
      let shown = try await cluster.run(["jobs", "show", job, "--json"])
      #expect((shown.json?["ttft_ms"] as? Double ?? 0) > 0, "\(shown)")
    }
  }
}

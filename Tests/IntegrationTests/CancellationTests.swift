import Foundation
import Testing

@Suite("A job that nobody wants any more stops, down to the engine", .serialized)
struct CancellationTests {
  private func submission(_ cluster: TestCluster, _ extra: [String] = []) throws -> RunningProgram {
    try RunningProgram(
      [
        "submit", "--model", CountingServer.model, "--prompt", "t1", "--max-tokens", "4000", "--stream", "--state",
        cluster.state,
      ] + extra)
  }

  @Test("Ctrl-C of a submit cancels its job, and the engine's connection is closed")
  func interruptedSubmit() async throws {
    try await withCountingServer(tokenMS: 100) { cluster, server in
      let client = try submission(cluster)
      try await cluster.wait(for: "the first tokens", client) { client.standardOutput.contains("t5") }
      #expect(server.abandonedCount == 0)
      client.signal(SIGINT)
      let output = await client.output()
      #expect(output.status == 130 && output.standardError.contains("cancelled job-"), "\(output)")
      try await cluster.wait(for: "the engine to see the client go") { server.abandonedCount == 1 }
      try await cluster.wait(for: "the job's end") { try await cluster.jobs("cancelled").count == 1 }
      // What was shown until then is its output, and the worker is free for others.
      let job = try #require(try await cluster.jobs().first?["job"] as? String)
      let shown = try await cluster.run(["jobs", "show", job, "--json"])
      #expect((shown.json?["output"] as? String)?.hasPrefix(" t2 t3 t4 t5") == true, "\(shown)")
      let next = try await cluster.run([
        "submit", "--model", CountingServer.model, "--prompt", "t1", "--max-tokens", "2",
      ])
      #expect(next.status == 0 && next.standardOutput.contains("t2 t3"), "\(next)")
    }
  }

  @Test("Whoever ends a submit, or the reader of its output, ends its job", arguments: [SIGTERM, SIGHUP, SIGPIPE])
  func endedSubmit(signal: Int32) async throws {
    try await withCountingServer(tokenMS: 100) { cluster, server in
      let client =
        signal == SIGPIPE
        ? try RunningProgram(
          shell: "exec \(Program.path) submit --model \(CountingServer.model) --prompt t1 --max-tokens 4000 --stream "
            + "--state \(cluster.state) | head -c 6")
        : try submission(cluster)
      try await cluster.wait(for: "the first tokens", client) { client.standardOutput.contains("t2") }
      if signal != SIGPIPE { client.signal(signal) }
      let output = await client.output()
      #expect(output.standardError.contains("cancelled job-"), "\(output)")
      if signal != SIGPIPE { #expect(output.status == 128 + signal, "\(output)") }
      try await cluster.wait(for: "the engine to see the client go") { server.abandonedCount == 1 }
      try await cluster.wait(for: "the job's end") { try await cluster.jobs("cancelled").count == 1 }
    }
  }

  @Test("A submit whose coordinator goes says which job goes on")
  func lostCoordinator() async throws {
    try await withCountingServer(tokenMS: 100) { cluster, _ in
      let client = try submission(cluster)
      try await cluster.wait(for: "the first tokens", client) { client.standardOutput.contains("t5") }
      let job = try #require(try await cluster.jobs("running").first?["job"] as? String)
      try await cluster.kill("coordinator")
      let output = await client.output()
      #expect(output.status == 75 && output.standardError.contains("apus jobs watch \(job)"), "\(output)")
    }
  }

  @Test("Ctrl-C of a submit with an idempotency key leaves its job, and says how to end it")
  func interruptedSubmitWithKey() async throws {
    try await withCountingServer(tokenMS: 100) { cluster, server in
      let client = try submission(cluster, ["--idempotency-key", "mine"])
      try await cluster.wait(for: "the first tokens", client) { client.standardOutput.contains("t5") }
      client.signal(SIGINT)
      let output = await client.output()
      #expect(output.status == 130 && output.standardError.contains("goes on"), "\(output)")
      let job = try #require(try await cluster.jobs("running").first?["job"] as? String)
      #expect(output.standardError.contains("apus jobs cancel \(job)"))
      #expect(server.abandonedCount == 0)
      let cancelled = try await cluster.run(["jobs", "cancel", job, "--json"])
      #expect(cancelled.json?["state"] as? String == "cancelled", "\(cancelled)")
      try await cluster.wait(for: "the engine to see the client go") { server.abandonedCount == 1 }
      try await cluster.wait(for: "the job's end") { try await cluster.jobs("cancelled").count == 1 }
    }
  }

  @Test("Several jobs: why one waits, cancelling some, retrying once and for all, and watching all to their end")
  func several() async throws {
    try await withCountingServer(tokenMS: 100, capacity: 1) { cluster, _ in
      let clients = try (0..<3).map { _ in try submission(cluster) }
      try await cluster.wait(for: "one job that runs and two that wait") {
        let queued = try await cluster.jobs("queued").count
        let running = try await cluster.jobs("running").count
        return queued == 2 && running == 1
      }
      let ids = try await cluster.jobs().compactMap { $0["job"] as? String }
      let waiting = try #require(try await cluster.jobs("queued").first?["job"] as? String)
      let shown = try await cluster.run(["jobs", "show", waiting, "--json"])
      let reason = try #require(shown.json?["wait_reason"] as? String, "\(shown)")
      #expect(reason.hasPrefix("it waits for w1, where it is foreseen to end best; jobs there: 1"), "\(reason)")
      #expect(reason.hasSuffix("; 1 job came before it"), "\(reason)")

      let watching = try RunningProgram(["jobs", "watch", "--all", "--interval", "0.1", "--state", cluster.state])
      try await cluster.wait(for: "the watcher to see three jobs", watching) {
        ids.allSatisfy { watching.standardOutput.contains($0) }
      }
      let wrong = try await cluster.run(["jobs", "cancel", ids[0], "job-unknown", ids[1], ids[2]])
      #expect(wrong.status == 65 && wrong.standardError.contains("there is no job job-unknown"), "\(wrong)")
      for client in clients { #expect(await client.output().status == 69) }
      let watched = await watching.output()
      #expect(watched.status == 0, "\(watched)")
      for id in ids { #expect(watched.standardOutput.contains("\(id) cancelled"), "\(watched)") }

      // A retry asked for again is the same job, until that is lost too.
      let retried = try await cluster.run(["jobs", "retry", ids[0], "--json"])
      let new = try #require(retried.json?["job"] as? String, "\(retried)")
      #expect(try await cluster.run(["jobs", "retry", ids[0], "--json"]).json?["job"] as? String == new)
      _ = try await cluster.run(["jobs", "cancel", new])
      try await cluster.wait(for: "the retry's end") { try await cluster.jobs("cancelled").count == 4 }
      let again = try await cluster.run(["jobs", "retry", ids[0], "--json"])
      let newest = try #require(again.json?["job"] as? String, "\(again)")
      #expect(newest != new && newest != ids[0])
      _ = try await cluster.run(["jobs", "cancel", newest])
    }
  }

  @Test("All jobs that failed are tried again, each once however often it is asked for")
  func retryFailed() async throws {
    try await withCountingServer(refuses: true) { cluster, _ in
      let none = try await cluster.run(["jobs", "retry", "--failed"])
      #expect(none.status == 0 && none.standardOutput.contains("no job has failed"), "\(none)")
      let failed = try await cluster.run(["submit", "--model", CountingServer.model, "--prompt", "t1"])
      #expect(failed.status == 69, "\(failed)")
      let first = try await cluster.run(["jobs", "retry", "--failed", "--json"])
      #expect((first.json?["jobs"] as? [[String: Any]])?.count == 1, "\(first)")
      try await cluster.wait(for: "the retry to fail too") { try await cluster.jobs("failed").count == 2 }
      // The latest try of both is the same.
      let second = try await cluster.run(["jobs", "retry", "--failed", "--json"])
      let tries = try #require(second.json?["jobs"] as? [[String: Any]], "\(second)")
      #expect(tries.count == 2 && Set(tries.compactMap { $0["job"] as? String }).count == 1, "\(second)")
      try await cluster.wait(for: "that one to fail too") { try await cluster.jobs("failed").count == 3 }
    }
  }

  @Test("What names no job, or two kinds of jobs, is refused")
  func usage() async throws {
    for arguments in [["retry"], ["retry", "x", "--failed"], ["cancel"], ["cancel", "x", "--batch", "f"], ["watch"]] {
      let output = try await Program.run(["jobs"] + arguments, environment: ["APUS_STATE": "/nonexistent"])
      #expect(output.status == 64, "\(arguments): \(output)")
    }
  }
}

import Engines
import Foundation
import Synchronization
import Testing

/// A llama.cpp server that this test starts by hand and no worker knows how: somebody else's.
private final class SomebodyElsesServer {
  let baseURL: String
  let processID: Int32
  private let child: ChildProcess

  init(engineDirectory: String, model: String) async throws {
    let (lines, line) = AsyncStream.makeStream(of: String.self)
    let settings = #"{"model.path":"\#(model)","n_ctx":4096,"n_parallel":2,"cpuparams.n_threads":1}"#
    child = try ChildProcess.spawn(
      ChildProcess.Plan(
        ["\(engineDirectory)/llamacpp/bin/python", "\(engineDirectory)/llamacpp/server.py", settings],
        environment: ["OMP_WAIT_POLICY": "passive", "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"],
        output: .lines { line.yield($0) }, error: .discarded))
    let child = child
    Task {
      _ = await child.end()
      line.finish()
    }
    for await text in lines where text.hasPrefix("READY ") {
      baseURL = String(text.split(separator: " ")[1])
      processID = child.processID
      return
    }
    throw TestCluster.NotReady(description: "the server ended before it was ready")
  }

  func kill() async {
    child.send(signal: SIGKILL)
    _ = await child.end()
  }
}

@Suite(
  "A server that somebody else started", .serialized,
  .enabled(
    if: Program.engineDirectory != nil, "the llama.cpp engine is not installed: run Deploy/engines/llamacpp/install"))
struct AttachedEndpointTests {
  @Test("It is announced, measured, recommended and routed to; killed, it goes and the worker stays")
  func wholeLife() async throws {
    try await withCluster(workers: ["w1"]) { cluster in
      let engines = try #require(Program.engineDirectory)
      let state = URL(fileURLWithPath: engines).deletingLastPathComponent().path
      let made = try await Program.run(["model", "synthesize", "--state", state, "--json"])
      #expect(made.status == 0, "\(made)")
      let model = state + "/models/draft-q8_0.gguf"
      // The worker finds no engine of its own: what runs here ran on the other server.
      try FileManager.default.removeItem(atPath: cluster.state + "/engines")
      let server = try await SomebodyElsesServer(engineDirectory: engines, model: model)
      try await cluster.startCoordinator()
      try await cluster.startWorker(
        "w1", ["--attach", "mine=\(server.baseURL)/v1", "--config", try configuration(cluster)])

      let workers = try await cluster.run(["workers", "--json"])
      #expect(workers.standardOutput.contains("mine@w1:"), "\(workers)")
      let models = try #require(try await cluster.run(["model", "list", "--json"]).json?["models"] as? [[String: Any]])
      let name = try #require(models.compactMap { $0["name"] as? String }.first { $0.hasSuffix("@mine") })

      let benchmark = try await cluster.run([
        "benchmark", "--model", name, "--workload", "chat", "--half", "--budget", "60s", "--json",
      ])
      #expect(benchmark.status == 0, "\(benchmark)")
      #expect((benchmark.json?["measurement_count"] as? Int ?? 0) > 0, "\(benchmark)")
      #expect((benchmark.json?["outcomes"] as? [String: Int])?.keys.sorted() == ["completed"], "\(benchmark)")

      let answer = try await cluster.run(["recommend", "--model", name, "--workload", "chat", "--json"])
      let candidates = try #require(answer.json?["candidates"] as? [[String: Any]], "\(answer)")
      #expect(candidates.first?["refused_reason"] is NSNull || candidates.first?["refused_reason"] == nil, "\(answer)")
      #expect(
        candidates.dropFirst().allSatisfy {
          ($0["refused_reason"] as? String)?.contains("started by somebody else") == true
        }, "\(answer)")

      let submitted = try await cluster.run([
        "submit", "--model", name, "--prompt", "hello there", "--max-tokens", "8", "--json",
      ])
      #expect(submitted.json?["state"] as? String == "completed", "\(submitted)")
      #expect((submitted.json?["ttft_ms"] as? Double ?? 0) > 0, "\(submitted)")

      await server.kill()
      try await cluster.wait(for: "the server to be left out") {
        !(try await cluster.run(["workers", "--json"])).standardOutput.contains("mine@w1:")
      }
      #expect(try await cluster.isAlive("w1"))
      // A job for it has nowhere to go, and whoever sends one is told, and need not wait for ever.
      let stranded = try await cluster.run(["submit", "--model", name, "--prompt", "hello", "--wait", "0.5"])
      #expect(stranded.status == 75, "\(stranded)")
      #expect(stranded.standardError.contains("waits: no connected worker has \(name)"), "\(stranded)")
      #expect(stranded.standardError.contains("still waits after 0.5 seconds"), "\(stranded)")
    }
  }

  /// The worker looks every half second, so that the test need not wait ten.
  private func configuration(_ cluster: TestCluster) throws -> String {
    let path = cluster.state + "/worker.yaml"
    try "attach_check_ms: 500\n".write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }
}

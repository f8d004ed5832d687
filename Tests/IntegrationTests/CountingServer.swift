import Foundation

/// The scripted engine of Deploy/engines, started by a test as somebody else's server, with a worker attached to it. Its
/// model counts (`t1 t2` is answered with ` t3 t4 ...`), so every answer is known, and it says when a client goes away.
struct CountingServer {
  let program: RunningProgram
  let baseURL: String

  /// What the coordinator calls its model.
  static let model = "counting@other"

  /// - Parameters:
  ///   - tokenMS: between two tokens.
  ///   - refuses: whether it answers no request.
  init(tokenMS: Double, refuses: Bool) async throws {
    let checkout = (0..<3).reduce(URL(fileURLWithPath: #filePath)) { path, _ in path.deletingLastPathComponent() }
    let server = checkout.path + "/Deploy/engines/scripted/server.py"
    let script = #"{"slots": 64, "itl_ms": \#(tokenMS), "refuse": \#(refuses)}"#
    let program = try RunningProgram(shell: "exec python3 -I '\(server)' '\(script)'")
    self.program = program
    // Five minutes: a real process on a busy machine takes its time.
    for _ in 0..<6000 where program.isRunning {
      if let line = program.standardOutput.split(separator: "\n").first(where: { $0.hasPrefix("READY ") }) {
        baseURL = String(line.split(separator: " ")[1])
        return
      }
      try await Task.sleep(for: .milliseconds(50))
    }
    throw TestCluster.NotReady(description: "the scripted engine is not ready: \(await program.output())")
  }

  /// How often a client left in the middle of an answer.
  var abandonedCount: Int {
    program.standardError.split(separator: "\n").count { $0.contains("the client went away") }
  }
}

/// Runs `body` with a coordinator and a worker whose only engine is a `CountingServer`.
///
/// - Parameter capacity: jobs that the worker runs at once.
func withCountingServer(
  tokenMS: Double = 1, refuses: Bool = false, capacity: Int = 4,
  _ body: (TestCluster, CountingServer) async throws -> Void
) async throws {
  try await withCluster(workers: ["w1"]) { cluster in
    let server = try await CountingServer(tokenMS: tokenMS, refuses: refuses)
    defer { server.program.signal(SIGKILL) }
    // The worker finds no engine of its own.
    try? FileManager.default.removeItem(atPath: cluster.state + "/engines")
    let configuration = cluster.state + "/worker.yaml"
    try "job_capacity: \(capacity)\n".write(toFile: configuration, atomically: true, encoding: .utf8)
    try await cluster.startCoordinator()
    try await cluster.startWorker("w1", ["--attach", "other=\(server.baseURL)/v1", "--config", configuration])
    try await body(cluster, server)
  }
}

extension TestCluster {
  /// Jobs in a state, or all, newest first.
  func jobs(_ state: String? = nil) async throws -> [[String: Any]] {
    let listed = try await run(
      ["jobs", "list", "--json", "--limit", "10000"] + (state.map { ["--status", $0] } ?? []))
    return listed.json?["jobs"] as? [[String: Any]] ?? []
  }
}

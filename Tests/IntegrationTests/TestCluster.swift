import Foundation

/// A coordinator and workers as real processes on a state directory of their own.
final class TestCluster {
  let state: String
  private(set) var processes: [String: RunningProgram] = [:]

  struct NotReady: Error, CustomStringConvertible {
    let description: String
  }

  /// Makes the directory, the keys, and links to the checkout's engines and models.
  init(workers: [String]) async throws {
    state = FileManager.default.temporaryDirectory.path + "/apus-cluster-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: state + "/models", withIntermediateDirectories: true)
    if let engines = Program.engineDirectory {
      try FileManager.default.createSymbolicLink(atPath: state + "/engines", withDestinationPath: engines)
    }
    for (name, role) in [("client", "client")] + workers.map({ ($0, "worker") }) {
      let output = try await run(["keys", "generate", name, "--role", role])
      guard output.status == 0 else { throw NotReady(description: "\(output)") }
    }
  }

  /// Runs a command against this cluster.
  func run(_ arguments: [String]) async throws -> Program.Output {
    try await Program.run(arguments + ["--state", state])
  }

  @discardableResult
  func start(_ name: String, _ arguments: [String]) throws -> RunningProgram {
    let program = try RunningProgram(arguments + ["--state", state])
    processes[name] = program
    return program
  }

  /// Three heartbeats that fail to come lose a worker: slow enough for one that a busy machine holds up.
  private static let heartbeatMS = 4000

  func startCoordinator(_ extra: [String] = []) async throws {
    try? FileManager.default.removeItem(atPath: state + "/coordinator.address")
    let program = try start(
      "coordinator",
      ["coordinator", "--heartbeat-ms", String(Self.heartbeatMS)]
        + (extra.isEmpty ? ["--bind", "tcp://127.0.0.1:0"] : extra))
    try await wait(for: "the coordinator", program) {
      FileManager.default.fileExists(atPath: self.state + "/coordinator.address")
    }
  }

  func startWorker(_ name: String, _ extra: [String] = []) async throws {
    let program = try start(name, ["worker", "--name", name] + extra)
    try await wait(for: name, program) { try await self.isAlive(name) }
  }

  func isAlive(_ worker: String) async throws -> Bool {
    let workers = try await run(["workers", "--json"]).json?["workers"] as? [[String: Any]] ?? []
    return workers.contains { $0["name"] as? String == worker && $0["is_alive"] as? Bool == true }
  }

  /// How many leases each worker has, those that are being taken from it among them.
  func leases() async throws -> [String: Int] {
    let workers = try await run(["workers", "--json"]).json?["workers"] as? [[String: Any]] ?? []
    return Dictionary(
      workers.map { ($0["name"] as? String ?? "", $0["lease_count"] as? Int ?? -1) },
      uniquingKeysWith: { first, _ in first })
  }

  /// Waits up to five minutes: a real process on a busy machine takes its time, and nothing is asserted about how long.
  func wait(for what: String, _ program: RunningProgram? = nil, until condition: () async throws -> Bool) async throws {
    for _ in 0..<3000 {
      if try await condition() { return }
      if let program, !program.isRunning {
        throw NotReady(description: "\(what) ended: \(await program.output())")
      }
      try await Task.sleep(for: .milliseconds(100))
    }
    throw NotReady(description: "waited five minutes for \(what)\n\(logs())")
  }

  func logs() -> String {
    processes.map { "== \($0.key)\n\($0.value.standardError.suffix(4000))" }.joined(separator: "\n")
  }

  func kill(_ name: String) async throws {
    guard let program = processes.removeValue(forKey: name) else { return }
    program.signal(SIGKILL)
    _ = await program.output()
  }

  /// Ends everything and removes the directory.
  func stop() async {
    for program in processes.values { program.signal(SIGTERM) }
    for program in processes.values { _ = await program.output() }
    processes = [:]
    try? FileManager.default.removeItem(atPath: state)
  }
}

/// Runs `body` with a cluster and stops it whatever happens.
func withCluster(workers: [String], _ body: (TestCluster) async throws -> Void) async throws {
  let cluster = try await TestCluster(workers: workers)
  do {
    try await body(cluster)
  } catch {
    let logs = cluster.logs()
    await cluster.stop()
    throw TestCluster.NotReady(description: "\(error)\n\(logs)")
  }
  await cluster.stop()
}

/// Runs `body` with a coordinator and workers that have the checkout's dense model, made once by
/// `apus model synthesize`.
///
/// - Parameters:
///   - coordinator: its options, the address among them.
///   - prepare: what to do to the state directory before the coordinator starts.
func withModels(
  workers: [String], coordinator: [String] = [], prepare: (TestCluster) async throws -> Void = { _ in },
  body: (TestCluster, _ model: String) async throws -> Void
) async throws {
  guard let engines = Program.engineDirectory else {
    throw TestCluster.NotReady(description: "the engine is not installed, which the suite's trait should have seen")
  }
  let state = (engines as NSString).deletingLastPathComponent
  let made = try await Program.run(["model", "synthesize", "--state", state, "--json"])
  guard made.status == 0 else { throw TestCluster.NotReady(description: "\(made)") }
  try await withCluster(workers: workers) { cluster in
    let added = try await cluster.run(["model", "add", state + "/models/dense-q8_0.gguf", "--json"])
    guard let name = added.json?["name"] as? String else { throw TestCluster.NotReady(description: "\(added)") }
    try await prepare(cluster)
    try await cluster.startCoordinator(coordinator)
    for worker in workers { try await cluster.startWorker(worker) }
    try await body(cluster, name)
  }
}

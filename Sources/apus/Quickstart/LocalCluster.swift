import Engines
import Foundation
import Messaging
import Serving

/// A coordinator and two workers as processes of their own on this machine, over TCP with CURVE.
final class LocalCluster {
  /// Cores of the second worker: one only, so that the two nodes differ.
  static let secondWorkerCores = 1

  let state: StateDirectory
  /// Whether the services go on when this process ends.
  let outlivesUs: Bool
  private let guardPath: String
  private var services: [ChildProcess] = []

  init(state: StateDirectory, guardPath: String, outlivesUs: Bool) {
    self.state = state
    self.guardPath = guardPath
    self.outlivesUs = outlivesUs
  }

  static let workerNames = [WorkerName("worker-1"), WorkerName("worker-2")]

  /// Makes what is missing of the coordinator's, the workers' and the client's keys.
  func makeKeys() throws(ApusError) {
    let ring = KeyRing(directory: state.keys)
    _ = try ring.pairMakingIfNeeded("coordinator")
    for worker in Self.workerNames {
      let pair = try ring.pairMakingIfNeeded(worker.rawValue)
      try ring.authorize(name: worker.rawValue, publicKey: pair.publicKey, role: .worker)
    }
    let client = try ring.pairMakingIfNeeded("client")
    try ring.authorize(name: "client", publicKey: client.publicKey, role: .client)
  }

  /// Starts the coordinator and waits until it listens.
  func startCoordinator() async throws {
    try? FileManager.default.removeItem(atPath: state.coordinatorAddress)  // a stale one would be taken for the new one
    let child = try start("coordinator", ["coordinator", "--bind", "tcp://127.0.0.1:0"])
    try await wait(upToSeconds: 30, for: "the coordinator to listen", child, log: "coordinator") {
      FileManager.default.fileExists(atPath: self.state.coordinatorAddress)
    }
  }

  /// Starts a worker and waits until the coordinator knows it. One after the other: each measures its machine first.
  func startWorker(_ name: WorkerName, cores: String?, client: CoordinatorClient) async throws -> WorkerStatus {
    let child = try start(
      name.rawValue, ["worker", "--name", name.rawValue] + (cores.map { ["--cores", $0] } ?? []))
    var found: WorkerStatus?
    try await wait(upToSeconds: 120, for: "\(name) to join", child, log: name.rawValue) {
      guard case .workers(let workers) = try await client.ask(.listWorkers) else { return false }
      found = workers.first { $0.name == name && $0.isAlive }
      return found != nil
    }
    return found!
  }

  /// Starts a gateway on its default port, or on any where that is taken, and waits until it listens.
  ///
  /// - Returns: where it listens.
  func startGateway() async throws -> String {
    do {
      return try await startGateway([])
    } catch let error as ApusError where error.code == .unavailable {
      return try await startGateway(["--port", "0"])
    }
  }

  private func startGateway(_ options: [String]) async throws -> String {
    try? FileManager.default.removeItem(atPath: state.gatewayAddress)  // a stale one would be taken for the new one
    let child = try start("gateway", ["gateway"] + options)
    try await wait(upToSeconds: 30, for: "the gateway to listen", child, log: "gateway") {
      FileManager.default.fileExists(atPath: self.state.gatewayAddress)
    }
    return try String(contentsOfFile: state.gatewayAddress, encoding: .utf8)
  }

  private func start(_ name: String, _ arguments: [String]) throws -> ChildProcess {
    let log = state.logs + "/" + name + ".log"
    var plan = ChildProcess.Plan(
      [ThisProgram.path] + arguments + ["--state", state.path],
      // Two workers share this machine's memory.
      environment: ["OMP_WAIT_POLICY": "passive", "APUS_ENGINE_MEMORY_SHARE": "0.4"],
      output: .file(log), error: .file(log))
    if !outlivesUs { plan = plan.guarded(by: guardPath, graceSeconds: 5) }
    let child = try ChildProcess.spawn(plan)
    services.append(child)
    return child
  }

  private func wait(
    upToSeconds limit: Int, for what: String, _ child: ChildProcess, log: String,
    until condition: () async throws -> Bool
  ) async throws {
    let deadline = ContinuousClock.now + .seconds(limit)
    while try await !condition() {
      let tail = { () -> String in
        let text = (try? String(contentsOfFile: self.state.logs + "/\(log).log", encoding: .utf8)) ?? ""
        return text.split(separator: "\n").suffix(3).joined(separator: "\n")
      }
      if let ending = child.ending {
        throw ApusError(.unavailable, "\(log) \(ending):\n\(tail())", advice: "see \(state.logs)/\(log).log")
      }
      guard ContinuousClock.now < deadline else {
        throw ApusError(
          .unavailable, "waited \(limit) s for \(what):\n\(tail())", advice: "see \(state.logs)/\(log).log")
      }
      try await Task.sleep(for: .milliseconds(100))
    }
  }

  /// Process numbers of the services, for a later quickstart or a person to stop them.
  var processIDs: [Int32] { services.map(\.processID) }

  /// Ends the services, workers first, and waits until they are gone.
  func stop() async {
    for service in services.reversed() {
      service.terminate(graceSeconds: 8)
    }
    for service in services { _ = await service.end() }
    services = []
  }
}

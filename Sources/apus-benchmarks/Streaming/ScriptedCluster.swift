import Benchmarking
import Engines
import Messaging
import Serving

/// A coordinator, a worker with a scripted engine and a gateway, each in a process of its own, over TCP with CURVE.
struct ScriptedCluster {
  enum Part: String, CaseIterable { case gateway, coordinator, worker }

  let model: ModelID
  let gatewayPort: Int
  private let state: TemporaryState
  private let address: String
  private let services: [Part: ChildService]

  /// Starts all three and returns once the worker is there.
  ///
  /// - Parameters:
  ///   - ttftMS: the engine's own time to the first token.
  ///   - itlMS: the engine's own time between tokens.
  ///   - slots: answers that the engine generates at once, all of them a token on in each step.
  static func start(ttftMS: Double, itlMS: Double, slots: Int = 1) async throws -> ScriptedCluster {
    let state = try TemporaryState()
    try state.ring.generate("coordinator")
    for name in ["gateway", "client"] { try state.ring.generate(name, role: .client) }
    try state.ring.generate("worker", role: .worker)
    let path = state.path + "/models/tiny.gguf"
    try TinyModelFile.write(to: path)
    let program = ChildService.program("apus-benchmarks")
    let coordinator = try ChildService.start(
      [program, "serve-coordinator", "--state", state.path, "--store", ServeCoordinator.Store.sqlite.rawValue])
    let address = try await coordinator.nextLine()
    let common = ["--state", state.path, "--coordinator", address]
    let worker = try ChildService.start(
      [program, "serve-worker", "--ttft-ms", "\(ttftMS)", "--itl-ms", "\(itlMS)", "--slots", "\(slots)"] + common)
    let gateway = try ChildService.start([program, "serve-gateway"] + common)
    guard let port = Int(try await gateway.nextLine()) else {
      throw ApusError(.bug, "the gateway under test did not print its port")
    }
    let cluster = ScriptedCluster(
      model: try GGUFReader.profile(path: path, name: nil).id, gatewayPort: port, state: state, address: address,
      services: [.gateway: gateway, .coordinator: coordinator, .worker: worker])
    try await cluster.untilWorkerIsThere()
    return cluster
  }

  func client() async throws -> BenchmarkClient {
    try await BenchmarkClient(
      try ZeroMQClientEndpoint(
        options: ZeroMQClientOptions(
          address: address, keys: try state.ring.pair("client"), serverKey: try state.ring.publicKey("coordinator"))))
  }

  /// CPU time of each process since its start, the worker's engine left out.
  ///
  /// - Throws: `unavailable` when one has ended.
  func cpuSeconds() throws(ApusError) -> [Part: Double] {
    var seconds: [Part: Double] = [:]
    for (part, service) in services { seconds[part] = try ProcessFigures.cpuSeconds(of: try service.processID()) }
    return seconds
  }

  /// Resident memory of each process that is no file's.
  ///
  /// - Throws: `unavailable` when one has ended.
  func memoryBytes() throws(ApusError) -> [Part: Int] {
    var bytes: [Part: Int] = [:]
    for (part, service) in services {
      bytes[part] = try ProcessFigures.memory(of: try service.processID()).anonymousBytes
    }
    return bytes
  }

  /// The gateway listens before its connection to the coordinator is made.
  ///
  /// - Throws: what its last try to answer failed of.
  func untilGatewayAnswers(_ endpoint: EngineEndpoint) async throws {
    let request = GenerationRequest(prompt: .text("Are you there?"), maxTokens: 1)
    let client = StreamingClient(limits: RequestLimits(stallSeconds: 300))
    for _ in 0..<100 {
      if (try? await client.stream(request, to: endpoint) { _ in }) != nil { return }
      try await Task.sleep(for: .milliseconds(50))
    }
    _ = try await client.stream(request, to: endpoint) { _ in }
  }

  private func untilWorkerIsThere() async throws {
    var client = try await client()
    defer { client.close() }
    for _ in 0..<600 {
      if case .workers(let workers) = try await client.ask(.listWorkers), workers.contains(where: \.isAlive) { return }
      try await Task.sleep(for: .milliseconds(50))
    }
    throw ApusError(.unavailable, "the worker under test did not come within 30 s")
  }

  func stop() async {
    for part in Part.allCases { await services[part]?.stop() }
  }
}

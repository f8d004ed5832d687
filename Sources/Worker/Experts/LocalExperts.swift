import ExpertExecution
public import ExpertPlacement
public import Messaging
import PlacementSelection
public import Serving
import Synchronization

/// Experts computed on this machine, of models whose files are here.
public final class LocalExperts: ExpertExecutor {
  public let endpoint: ExpertEndpoint
  /// As a host and as a hub; as long as the process lives.
  private let keys = KeyPair.generate()
  private let modelPath: @Sendable (ModelID) -> String?
  private let makeRoom: @Sendable () async -> Void
  private let emulated: PlacementHost.Speed?
  private let hosting = Mutex<ExpertHost?>(nil)

  /// - Parameters:
  ///   - address: `tcp://HOST:PORT` of this machine, as other workers reach it; a port of `*` is chosen anew each time.
  ///   - modelPath: of a model's file; nil when it is not here.
  ///   - emulated: a slower machine to play; nil computes as fast as this one can.
  ///   - makeRoom: frees the memory of engines that do nothing.
  /// - Throws: `usage` for an address that others cannot reach.
  public init(
    address: String, modelPath: @escaping @Sendable (ModelID) -> String?, emulated: PlacementHost.Speed? = nil,
    makeRoom: @escaping @Sendable () async -> Void = {}
  ) throws(ApusError) {
    let parts = address.wholeMatch(of: #/tcp://(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9._-]+):(\*|[0-9]{1,5})/#)
    guard let parts, parts.1 != "0.0.0.0", parts.1 != "[::]" else {
      throw ApusError(
        .usage, "experts cannot be served on \(address)",
        advice: "give tcp://HOST:PORT with an address of this machine that other workers reach; PORT may be *")
    }
    endpoint = ExpertEndpoint(address: address, publicKey: keys.publicKey)
    self.modelPath = modelPath
    self.makeRoom = makeRoom
    self.emulated = emulated
  }

  private func model(_ id: ModelID) throws(ApusError) -> MoEModelFile {
    guard let path = modelPath(id) else {
      throw ApusError(.badInput, "the model \(id) is not here", advice: "send it with `apus model push`")
    }
    return try MoEModelFile(path: path)
  }

  @concurrent
  public func host(_ wanted: ExpertHosting) async throws(ApusError) -> String {
    await makeRoom()
    // One role at a time; an earlier one that was never ended ends here, and its port is free.
    await endHosting()
    let options = ExpertHostOptions(
      address: endpoint.address, keys: keys, hubKeys: [wanted.hubKey], emulated: emulated)
    let model = try await OwnThreads.result { [self] in
      Result { () throws(ApusError) in try self.model(wanted.model) }
    }.get()
    let host = try ExpertHost(model: model, options: options)
    hosting.withLock { $0 = host }
    return host.address
  }

  public func endHosting() async {
    let host = hosting.withLock { host in
      defer { host = nil }
      return host
    }
    await host?.stop()
  }

  @concurrent
  public func run(
    _ placement: PlacementAssignment, as hub: WorkerName, report: @escaping @Sendable (PlacementNews) async -> Void
  ) async throws(ApusError) {
    let (model, benchmark) = try await OwnThreads.result { [self] in
      Result { () throws(ApusError) in
        let model = try self.model(placement.spec.model)
        let cluster = try Self.cluster(placement.hosts, model)
        let benchmark = try PlacementBenchmark(
          placement.spec, hub: hub, model: model, cluster: cluster,
          selector: try PlacementSelector(learningFrom: placement.trials))
        return (model, benchmark)
      }
    }.get()
    var options = ExpertHubOptions(
      keys: keys,
      hosts: placement.hosts.map {
        ExpertHostAddress(name: $0.name.rawValue, address: $0.address, publicKey: $0.publicKey)
      })
    options.deadline = .seconds(placement.spec.deadlineSeconds)
    options.hedgeAfter = placement.spec.hedgeAfterMS.map { .milliseconds($0) }
    let connections = try ExpertHub(model: model, options: options)
    defer { connections.close() }
    try await connections.connect()
    try await benchmark.run(on: connections, report: report)
  }

  /// As many copies of each layer as the host has memory for, at most one of each expert.
  private static func cluster(_ hosts: [IntroducedHost], _ model: MoEModelFile) throws(ApusError) -> PlacementCluster {
    let layerBytes = model.geometry.expertBytes * Double(model.layerCount)
    return try PlacementCluster(
      hosts: hosts.map { host in
        PlacementHost(
          name: host.name.rawValue,
          slotCount: min(model.expertCount, Int((Double(host.memoryBytes) / layerBytes).rounded(.down))),
          speed: PlacementHost.Speed(
            operationsPerSecond: host.operationsPerSecond, memoryBytesPerSecond: host.memoryBandwidth))
      })
  }
}

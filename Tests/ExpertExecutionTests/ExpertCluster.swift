import ExpertPlacement
import Serving
import TestKit
import ZeroMQ

@testable import ExpertExecution

/// Hosts of one small model and a hub, over real sockets with CURVE in this process.
final class ExpertCluster {
  let model: MoEModelFile
  let hub: ExpertHub
  private(set) var hosts: [ExpertHost?]
  private let folder = TemporaryFolder()

  init(
    _ file: MoEModel = MoEModel(), hostCount: Int = 3, computing: ExpertHostOptions.Computing = .experts,
    emulated: [PlacementHost.Speed?] = [], tune: (inout ExpertHubOptions) -> Void = { _ in }
  ) async throws {
    model = try MoEModelFile(path: folder.write(file.bytes()))
    let keys = CurveKeyPair.generate()
    var hosts: [ExpertHost?] = []
    var addresses: [ExpertHostAddress] = []
    for index in 0..<hostCount {
      let own = CurveKeyPair.generate()
      let host = try ExpertHost(
        model: model,
        options: ExpertHostOptions(
          keys: own, hubKeys: [keys.publicKey], emulated: index < emulated.count ? emulated[index] : nil,
          computing: computing))
      addresses.append(ExpertHostAddress(name: "host-\(index)", address: host.address, publicKey: own.publicKey))
      hosts.append(host)
    }
    self.hosts = hosts
    var options = ExpertHubOptions(keys: keys, hosts: addresses)
    tune(&options)
    hub = try ExpertHub(model: model, options: options)
    try await hub.connect()
  }

  deinit { hub.close() }

  /// Its sockets are closed, as when its process is killed.
  func stop(_ host: Int) async {
    await hosts[host]?.stop()
    hosts[host] = nil
  }

  /// - Parameter hosts: `[expert]`, the hosts of each, the same in every layer.
  func plan(_ hosts: [[Int]], dispatch: ReplicaDispatch = .split) -> PlacementPlan {
    let layer = LayerPlacement.hosted(
      hosts.map { hosts in hosts.map { HostShare(host: $0, weight: 1 / Double(hosts.count)) } })
    return PlacementPlan(
      hostCount: self.hosts.count, expertCount: model.expertCount,
      layers: [LayerPlacement](repeating: layer, count: model.layerCount), dispatch: dispatch)
  }

  func cutPlan(_ fractions: [Double]) -> PlacementPlan {
    PlacementPlan(
      hostCount: hosts.count, expertCount: model.expertCount,
      layers: [LayerPlacement](repeating: .sharded(fractions), count: model.layerCount))
  }

  /// Seeded rows, where they go in a layer, and what is to come out.
  func batch(_ count: Int, layer: Int, seed: UInt64 = 5) throws -> (rows: [Float], routed: RoutedTokens) {
    var random = Random(seed: seed)
    let rows = random.rows(count, hidden: model.hiddenSize)
    return (rows, try model.router(layer: layer).route(rows))
  }
}

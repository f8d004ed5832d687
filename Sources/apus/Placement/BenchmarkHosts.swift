import ExpertExecution
import ExpertPlacement
import Foundation
import Messaging
import Serving

/// The hosts of a placement benchmark: started here, or running already.
struct BenchmarkHosts {
  let cluster: PlacementCluster
  let addresses: [ExpertHostAddress]
  let hubKeys: KeyPair
  private let local: LocalExpertHosts?

  init(_ command: PlacementCommand.BenchmarkCommand, _ model: MoEModelFile) async throws(ApusError) {
    if let count = command.localHosts {
      hubKeys = .generate()
      let speeds = try Self.speeds(command, count, model)
      let slots = command.slots ?? model.expertCount
      cluster = try PlacementCluster(
        hosts: speeds.enumerated().map { index, speed in
          PlacementHost(name: "host-\(index)", slotCount: slots, speed: speed)
        })
      let local = try await LocalExpertHosts(
        model: command.model, hubKey: hubKeys.publicKey, speeds: speeds, isPassing: false)
      self.local = local
      addresses = local.addresses
    } else {
      guard let path = command.cluster else { preconditionFailure("validate asks for --cluster") }
      hubKeys = try KeyRing(directory: command.client.state + "/keys").pairMakingIfNeeded("expert-hub")
      cluster = try PlacementClusterFile.read(path: path).described(layerCount: model.layerCount).cluster
      addresses = try Self.named(command.host, cluster)
      local = nil
    }
  }

  /// Whether the hosts play other machines.
  var isEmulated: Bool { local != nil && cluster.isMeasured }

  func stop() { local?.stop() }

  /// The machines that local hosts play; nil where none was asked for.
  private static func speeds(
    _ command: PlacementCommand.BenchmarkCommand, _ count: Int, _ model: MoEModelFile
  ) throws(ApusError) -> [PlacementHost.Speed?] {
    guard command.speeds != nil || command.gflopPerS != nil else {
      return [PlacementHost.Speed?](repeating: nil, count: count)
    }
    let relative = try relativeSpeeds(command.speeds, count)
    let most = relative.max() ?? 1
    // All together five times slower than this machine, and the fastest than one of its cores: then sleeping, not computing,
    // decides.
    let together = relative.reduce(0) { $0 + $1 / most }
    let share = min(1, Double(ProcessInfo.processInfo.activeProcessorCount) / together)
    let fastest: Double
    if let rate = command.gflopPerS {
      fastest = rate * 1e9
    } else {
      fastest = try ExpertSpeed.operationsPerSecond(model) * share / 5
    }
    return relative.map { .played(gflopPerS: fastest * $0 / most / 1e9) }
  }

  private static func relativeSpeeds(_ text: String?, _ count: Int) throws(ApusError) -> [Double] {
    guard let text else { return [Double](repeating: 1, count: count) }
    let speeds = text.split(separator: ":").compactMap { Double($0) }.filter { $0 > 0 && $0.isFinite }
    guard speeds.count == count, text.split(separator: ":").count == count else {
      throw ApusError(
        .usage, "--speeds \(text) is not a speed above 0 for each of \(count) hosts", advice: "write it like 8:4:2:1")
    }
    return speeds
  }

  private static func named(
    _ texts: [String], _ cluster: PlacementCluster
  ) throws(ApusError) -> [ExpertHostAddress] {
    var byName: [String: ExpertHostAddress] = [:]
    for text in texts {
      let parts = text.split(separator: ",", maxSplits: 2).map(String.init)
      guard parts.count == 3 else {
        throw ApusError(.usage, "--host \(text) is not NAME,tcp://HOST:PORT,PUBLICKEY")
      }
      byName[parts[0]] = ExpertHostAddress(name: parts[0], address: parts[1], publicKey: parts[2])
    }
    var addresses: [ExpertHostAddress] = []
    for host in cluster.hosts {
      guard let address = byName[host.name] else {
        throw ApusError(
          .usage, "the cluster has a host \(host.name), and no --host says where it is",
          advice: "give --host \(host.name),tcp://HOST:PORT,PUBLICKEY")
      }
      addresses.append(address)
    }
    return addresses
  }
}

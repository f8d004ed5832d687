import ExpertPlacement
import Serving

/// Kinds of clusters that people have, drawn from a seed.
enum GeneratedCluster: String, CaseIterable {
  /// Equal CPUs on an office network.
  case equalCPUs = "equal_cpus"
  /// CPUs of very different speed.
  case mixedCPUs = "mixed_cpus"
  /// Two GPUs and some CPUs.
  case fewGPUs = "few_gpus"
  /// GPUs alone on a fast network.
  case gpus
  /// Two sites, far from each other.
  case twoSites = "two_sites"

  /// - Parameter expertCount: that there is memory for, 1.1 to 3 times.
  func cluster(expertCount: Int, seed: UInt64) -> PlacementCluster {
    var generator = SeededGenerator(seed: seed)
    let hostCount = Int.random(in: 3...10, using: &generator)
    let gbit = 1e9 / 8
    let lan = [1.0, 2.5, 10, 25].randomElement(using: &generator)! * gbit
    let cpu = PlacementHost.Speed(
      operationsPerSecond: generator.logNumber(1e11...2e12), memoryBytesPerSecond: generator.logNumber(15e9...150e9))
    let gpu = PlacementHost.Speed(
      operationsPerSecond: generator.logNumber(2e13...2e14), memoryBytesPerSecond: generator.logNumber(4e11...2e12))
    let slack = generator.logNumber(1.1...3)
    let share = Double(expertCount) * slack / Double(hostCount)
    var hub = lan * [1, 2, 4].randomElement(using: &generator)!
    var hosts: [PlacementHost] = []
    for index in 0..<hostCount {
      var speed = cpu
      var link = PlacementHost.Link(bytesPerSecond: lan, latencySeconds: generator.logNumber(30e-6...150e-6))
      switch self {
      case .equalCPUs: break
      case .mixedCPUs: speed = Self.scaled(cpu, by: generator.logNumber(0.15...2.5))
      case .fewGPUs: if index < 2 { speed = gpu }
      case .gpus:
        speed = Self.scaled(gpu, by: generator.logNumber(0.7...1.4))
        link = PlacementHost.Link(
          bytesPerSecond: generator.logNumber(50...400) * gbit, latencySeconds: generator.logNumber(5e-6...30e-6))
      case .twoSites:
        if index >= hostCount / 2 {
          link = PlacementHost.Link(
            bytesPerSecond: generator.logNumber(0.2...2) * gbit, latencySeconds: generator.logNumber(2e-3...20e-3))
        }
      }
      let slots = min(expertCount, max(1, Int((share * generator.logNumber(0.6...1.6)).rounded())))
      hosts.append(PlacementHost(name: "host-\(index)", slotCount: slots, speed: speed, link: link))
    }
    if self == .gpus { hub = generator.logNumber(100...800) * gbit }
    while hosts.reduce(0, { $0 + $1.slotCount }) < expertCount {
      hosts[Int.random(in: hosts.indices, using: &generator)].slotCount += 1
    }
    guard let cluster = try? PlacementCluster(hosts: hosts, hubBytesPerSecond: hub) else {
      preconditionFailure("a generated cluster is a valid one")
    }
    return cluster
  }

  private static func scaled(_ speed: PlacementHost.Speed, by factor: Double) -> PlacementHost.Speed {
    PlacementHost.Speed(
      operationsPerSecond: speed.operationsPerSecond * factor, memoryBytesPerSecond: speed.memoryBytesPerSecond * factor
    )
  }
}

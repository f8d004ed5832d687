import Serving
import Testing

@testable import ExpertPlacement
@testable import PlacementSimulation

@Suite("Event simulation of a layer") struct LayerSimulationTests {
  private static let geometry = ExpertGeometry(hiddenSize: 1024, intermediateSize: 512, expertBytes: 3e6)

  private static func cluster(_ linkBytesPerSecond: Double = 1e9) throws -> PlacementCluster {
    try PlacementCluster(
      hosts: (0..<4).map {
        PlacementHost(
          name: "h\($0)", slotCount: 8,
          speed: .init(operationsPerSecond: 1e11, memoryBytesPerSecond: 1e10),
          link: .init(bytesPerSecond: linkBytesPerSecond, latencySeconds: 1e-4))
      }, hubBytesPerSecond: 4e9)
  }

  private static func works(_ rows: [Double]) -> [PlacementCostModel.HostWork] {
    rows.map { rows in
      var work = PlacementCostModel.HostWork()
      work.rows = rows
      work.expertTokens = rows > 0 ? [rows] : []
      work.usedShare = rows > 0 ? [1] : []
      return work
    }
  }

  /// The same seed gives the same time, another a different one: hidden parameters and other work are drawn.
  @Test func isRepeatable() throws {
    func seconds(_ hiddenSeed: UInt64, _ seed: UInt64) throws -> Double {
      LayerSimulation(hidden: HiddenCluster(try Self.cluster(), sigma: 0.3, seed: hiddenSeed), geometry: Self.geometry)
        .seconds(of: Self.works([64, 64, 64, 64]), seed: seed)
    }
    #expect(try seconds(1, 1) == seconds(1, 1))
    #expect(try seconds(1, 1) != seconds(2, 1))
    #expect(try seconds(1, 1) != seconds(1, 2))
  }

  /// More work, slower links and more messages take longer; nothing is faster than its computing and its way.
  @Test func timesFollowTheWork() throws {
    func seconds(_ rows: [Double], link: Double = 1e9) throws -> Double {
      LayerSimulation(hidden: HiddenCluster(try Self.cluster(link), sigma: 0, seed: 3), geometry: Self.geometry)
        .seconds(of: Self.works(rows), seed: 3)
    }
    let base = try seconds([64, 0, 0, 0])
    #expect(try seconds([640, 0, 0, 0]) > 2 * base)
    #expect(try seconds([64, 0, 0, 0], link: 1e6) > 2 * base)
    #expect(try seconds([16, 16, 16, 16]) < seconds([640, 0, 0, 0]))
    #expect(try seconds([0, 0, 0, 0]) == 0)
    #expect(base > 64 * Self.geometry.operationsPerToken / 1e11 + 2e-4)
  }

  /// It is not the cost model with noise: the ratio of both depends on the plan. With every parameter known exactly, the many
  /// messages of a layer spread over all hosts cost more than the cost model says, in relation to those of one host.
  @Test func isNotTheCostModel() throws {
    let cluster = try Self.cluster()
    let model = try #require(PlacementCostModel(cluster: cluster, geometry: Self.geometry))
    let simulation = LayerSimulation(
      hidden: HiddenCluster(cluster, sigma: 0, seed: 3), geometry: Self.geometry)
    func ratio(_ rows: [Double]) -> Double {
      let works = Self.works(rows)
      return simulation.seconds(of: works, seed: 3) / model.seconds(of: works)
    }
    #expect(abs(ratio([4, 4, 4, 4]) / ratio([2048, 0, 0, 0]) - 1) > 0.1)
  }
}

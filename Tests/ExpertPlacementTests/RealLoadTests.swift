import Foundation
import Serving
import Testing

@testable import ExpertPlacement

/// The repository's own root, and beside it data that is never committed.
private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent()
private let data = root.deletingLastPathComponent().appendingPathComponent("shared/data/moe").path
private let isThere = FileManager.default.fileExists(atPath: data)

@Suite("Placements of measured loads", .enabled(if: isThere, "there is no ../shared/data/moe")) struct RealLoadTests {
  private static func load(_ name: String) throws -> ExpertLoad {
    let text = try String(contentsOfFile: "\(data)/\(name)", encoding: .utf8)
    return try ExpertLoad(
      text.split(whereSeparator: \.isNewline).map { $0.split(separator: ",").map { Double($0) ?? .nan } })
  }

  private static let names = ((try? FileManager.default.contentsOfDirectory(atPath: data)) ?? []).filter {
    $0.hasSuffix(".csv")
  }.sorted()

  /// DeepSeek-V3 on 32 hosts with 32 further copies: as balanced as EPLB is said to be, after its double copies are mended.
  @Test(arguments: names) func eplbBalances(name: String) throws {
    let load = try Self.load(name)
    let problem = try PlacementProblem(load: load, cluster: .equal(hostCount: 32, slotCount: 288))
    let plan = try EPLB().plan(problem)
    try plan.validate(for: problem.cluster)
    #expect(Balancedness(plan, load: load, cluster: problem.cluster).mean >= 0.99)
    #expect(plan.duplicatesRepaired > 0, "the published counts of double copies are 18 to 26")
  }

  /// 64 experts on 8 hosts: within 0.5% of what no packing can beat, on average.
  @Test func lptIsNearItsBound() throws {
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(data)/law.ids.u8")))
    let load = try RoutingTrace(bytes: bytes, layerCount: 26, topK: 6, expertCount: 64).load
    let problem = try PlacementProblem(load: load, cluster: .equal(hostCount: 8, slotCount: 64))
    let plan = try LPT().plan(problem)
    let ratios = (0..<load.layerCount).map { layer in
      let loads = Balancedness.hostLoads(plan.layers[layer], load.layer(layer), hostCount: 8)
      let bound = max(load.layer(layer).reduce(0, +) / 8, load.layer(layer).max() ?? 0)
      return (loads.max() ?? 0) / bound
    }
    #expect(ratios.reduce(0, +) / Double(ratios.count) <= 1.005, "\(ratios)")
  }
}

@Suite("List of placement strategies") struct PlacementStrategyListTests {
  /// A strategy is a file in Strategies/ and a line in the list: neither without the other.
  @Test func listAndFolderAgree() throws {
    let folder = root.appendingPathComponent("Sources/ExpertPlacement/Strategies").path
    let files = try FileManager.default.contentsOfDirectory(atPath: folder).map { String($0.dropLast(6)) }
    let types = PlacementStrategies.all.map { "\(type(of: $0))" }
    #expect(Set(files) == Set(types))
  }
}

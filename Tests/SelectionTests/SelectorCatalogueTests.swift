import FoundationEssentials
import Glibc
import Serving
import Testing

@testable import Selection

@Suite("Every selector of the list keeps the seam's contract")
struct SelectorCatalogueTests {
  @Test("Each file in Selectors but the seam and the list is one selector of the list")
  func folderAndListAgree() throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(
      path: "../../Sources/Selection/Selectors")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      .filter { $0.hasSuffix("Selector.swift") && $0 != "Selector.swift" }
    let names = files.map { file in
      file.dropLast("Selector.swift".count).reduce(into: "") { name, character in
        if character.isUppercase, !name.isEmpty { name += "-" }
        name += character.lowercased()
      }
    }
    #expect(Set(names) == Set(SelectorCatalogue.all.map(\.name)))
  }

  private static let evidence = EvidenceIndex(
    Workload.builtIn.flatMap { SyntheticWorld().trial(SyntheticWorld.targets[0], SyntheticWorld.hardware[0], $0) })

  private func selectors() throws -> [(String, any Selector)] {
    let model = try Trained.model()
    return try SelectorCatalogue.all.map {
      ($0.name, try #require($0.make(model, Self.evidence), "\($0.name)"))
    }
  }

  private func table(_ workload: Workload, _ order: ([EngineConfiguration]) -> [EngineConfiguration] = { $0 })
    -> ContextTable
  {
    let set = SyntheticWorld.set(SyntheticWorld.targets[0], SyntheticWorld.hardware[0], workload)
    let configurations = set.candidates.filter { $0.isApplicable && !$0.configuration.isDefault }.map(\.configuration)
    return ContextTable(
      model: set.model, available: set.available, hardware: set.hardware, workload: workload,
      engine: SyntheticWorld.engine, configurations: order(configurations))
  }

  @Test("The default's ratio is exactly 0, every answer is finite, and rows do not depend on each other")
  func contract() throws {
    for (name, selector) in try selectors() {
      for workload in [Workload.chat.halved, .concurrent] {
        let forward = table(workload)
        let backward = table(workload) { $0.reversed() }
        let rows = Array(0..<forward.configurations.count)
        for metric in CostMetric.allCases {
          let all = try #require(selector.foresee(forward, metric, rows: rows), "\(name)")
          let reversed = try #require(selector.foresee(backward, metric, rows: rows))
          #expect(all.ratios[0] == .zero, "\(name)")
          #expect(all.ratios.allSatisfy { $0.mean.isFinite && $0.variance.isFinite })
          #expect(all.level.mean.isFinite && all.level.variance > 0 && all.level == reversed.level)
          #expect(Array(all.ratios.dropFirst()) == reversed.ratios.dropFirst().reversed(), "\(name)")
          let some = try #require(selector.foresee(forward, metric, rows: [3, 0, 1]))
          #expect(some.ratios == [all.ratios[3], .zero, all.ratios[1]], "\(name)")
        }
      }
    }
  }

  @Test("What needs a model or evidence is not made without")
  func made() {
    let made = SelectorCatalogue.all.filter { $0.make(nil, EvidenceIndex()) != nil }.map(\.name)
    #expect(made == ["roofline"])
  }

  @Test("Neighbours answer only for a model and hardware they know, and fade with distance")
  func neighbours() throws {
    let selector = try #require(NearestNeighboursSelector(Self.evidence))
    let known = table(.chat)
    let thread = try #require(known.configurations.firstIndex { $0[.threadCount] != nil })
    let near = try #require(selector.foresee(known, .e2e, rows: [thread])).ratios[0]
    let truth = { (w: Workload) -> Double in
      let world = SyntheticWorld()
      let (m, h) = (SyntheticWorld.targets[0], SyntheticWorld.hardware[0])
      return log(
        world.truth(known.configurations[thread], m, h, w).e2eMS / world.truth(known.configurations[0], m, h, w).e2eMS)
    }
    #expect(abs(near.mean - truth(.chat)) < 0.15)
    var longer = Workload.chat
    longer.promptTokens = 200...200
    let far = try #require(selector.foresee(table(longer), .e2e, rows: [thread])).ratios[0]
    #expect(far.variance > near.variance)
    let set = SyntheticWorld.set(SyntheticWorld.targets[1], SyntheticWorld.hardware[0], .chat)
    let stranger = ContextTable(
      model: set.model, available: set.available, hardware: set.hardware, workload: set.workload,
      engine: SyntheticWorld.engine, configurations: [])
    #expect(selector.foresee(stranger, .e2e, rows: [0]) == nil)
  }

  @Test("A greedy portfolio covers what its best member does not")
  func portfolio() {
    // The second is best on average; the third only helps where the second loses.
    let costs: [[Double?]] = [
      [-0.1, -0.5, 0.2], [-0.1, -0.5, 0.3], [-0.1, 0.4, -0.9], [nil, nil, 0.1],
    ]
    #expect(Portfolio.greedy(costs, size: 3) == [1, 2])
    #expect(Portfolio.greedy(costs, size: 1) == [1])
    #expect(Portfolio.singleBest(costs) == 1)
    #expect(Portfolio.greedy([], size: 3).isEmpty && Portfolio.singleBest([]) == nil)
    #expect(Portfolio.greedy([[0.2, nil]], size: 3).isEmpty && Portfolio.singleBest([[0.2, nil]]) == nil)
  }
}

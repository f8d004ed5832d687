import Foundation
import Serving
import Testing

@testable import ExpertPlacement

@Suite("Plans are told to engines in their own words") struct PlacementExportTests {
  private let cluster: PlacementCluster
  /// Two hosts with three slots: expert 0 has a copy on each.
  private let plan = PlacementPlan(
    hostCount: 2, hosts: [[[0, 1], [0], [0], [1], [1]], [[0, 1], [1], [1], [0], [0]]])

  init() throws { cluster = try .equal(hostCount: 2, slotCount: 6) }

  private func object(_ text: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  @Test func listsEveryFile() throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Sources/ExpertPlacement/Interchange")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    let exports = files.filter { $0.hasSuffix("Export.swift") && $0 != "PlacementExport.swift" }
    #expect(PlacementExports.all.count == exports.count)
    #expect(Set(PlacementExports.all.map { "\(type(of: $0)).swift" }) == Set(exports))
    #expect(Set(PlacementExports.all.map(\.name)).count == exports.count)
    #expect(throws: ApusError.self) { try PlacementExports.named("tarot") }
  }

  @Test("SGLang: a row for each of the model's layers, also for those without experts")
  func sglang() throws {
    let map = try object(SGLangExport().text(of: plan, for: cluster, firstLayer: 1))["physical_to_logical_map"]
    #expect(map as? [[Int]] == [[0, 1, 2, 3, 4, 0], [0, 1, 2, 0, 3, 4], [0, 3, 4, 0, 1, 2]])
  }

  @Test("TensorRT-LLM: slots by the model's layer, which stay")
  func tensorRTLLM() throws {
    #expect(
      try TensorRTLLMExport().text(of: plan, for: cluster, firstLayer: 3) == """
        num_slots: 6
        initial_global_assignments:
          3: [0, 1, 2, 0, 3, 4]
          4: [0, 3, 4, 0, 1, 2]
        layer_updates_per_iter: 0
        """)
  }

  @Test("vLLM is told the number of copies")
  func vllm() throws {
    let options = try VLLMExport().text(of: plan, for: cluster, firstLayer: 0)
    #expect(options == "--enable-expert-parallel --enable-eplb --eplb-config '{\"num_redundant_experts\": 1}'")
    let plain = PlacementPlan(hostCount: 2, hosts: [[[0], [1]]])
    #expect(try VLLMExport().text(of: plain, for: cluster, firstLayer: 0) == "--enable-expert-parallel")
  }

  @Test("EPLB's maps are those of each other")
  func eplbMaps() throws {
    let maps = try object(EPLBExport().text(of: plan, for: cluster, firstLayer: 0))
    let slots = try #require(maps["phy2log"] as? [[Int]])
    let places = try #require(maps["log2phy"] as? [[[Int]]])
    #expect(slots == [[0, 1, 2, 0, 3, 4], [0, 3, 4, 0, 1, 2]])
    #expect(maps["logcnt"] as? [[Int]] == [[2, 1, 1, 1, 1], [2, 1, 1, 1, 1]])
    #expect(places[0] == [[0, 3], [1, -1], [2, -1], [4, -1], [5, -1]])
    for (layer, experts) in places.enumerated() {
      for (expert, copies) in experts.enumerated() {
        #expect(copies.filter { $0 >= 0 }.allSatisfy { slots[layer][$0] == expert })
      }
    }
  }

  @Test("llama.cpp moves whole layers, and refuses a plan that spreads one")
  func llamaCpp() throws {
    let whole = PlacementPlan(hostCount: 2, hosts: [[[0], [0]], [[1], [1]], [[0], [0]]])
    let buffers = try PlacementCluster(hosts: ["CPU", "CUDA0"].map { PlacementHost(name: $0, slotCount: 2) })
    #expect(
      try LlamaCppExport().text(of: whole, for: buffers, firstLayer: 1) == """
        --override-tensor 'blk\\.(1|3)\\.ffn_(gate|up|down|gate_up)_exps\\.=CPU' \\
        --override-tensor 'blk\\.(2)\\.ffn_(gate|up|down|gate_up)_exps\\.=CUDA0'
        """)
    let refusal = #expect(throws: ApusError.self) {
      try LlamaCppExport().text(of: plan, for: cluster, firstLayer: 0)
    }
    #expect(refusal?.reason.contains("layer 0") == true)
  }

  @Test("Engines for equal devices refuse cut experts, and devices with more experts than others")
  func unequalIsRefused() throws {
    let uneven = PlacementPlan(hostCount: 2, hosts: [[[0], [0], [1]]])
    let cut = PlacementPlan(hostCount: 2, expertCount: 3, layers: [.sharded([0.5, 0.5])])
    for export in PlacementExports.all where export.name != "llamacpp" {
      let refusal = #expect(throws: ApusError.self) { try export.text(of: uneven, for: cluster, firstLayer: 0) }
      #expect(refusal?.code == .badInput && refusal?.reason.contains(cluster.hosts[1].name) == true)
      #expect(throws: ApusError.self) { try export.text(of: cut, for: cluster, firstLayer: 0) }
    }
  }
}

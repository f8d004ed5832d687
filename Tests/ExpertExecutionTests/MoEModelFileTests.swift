import Foundation
import Serving
import TestKit
import Testing

@testable import ExpertExecution

/// Experts and routers read from a real file format, and files that cannot be used.
@Suite("Experts of a GGUF file")
struct MoEModelFileTests {
  private let folder = TemporaryFolder()

  @Test func knowsItsSizes() throws {
    let model = try MoEModelFile(path: folder.write(MoEModel(denseBlocks: 1).bytes()))
    #expect(model.layerCount == 2)
    #expect(model.blocks == [1, 2])
    #expect(model.hiddenSize == 64)
    #expect(model.intermediateSize == 96)
    #expect(model.expertCount == 8)
    #expect(model.topK == 2)
    #expect(model.routing.isRenormalized)
    #expect(model.fileBytes(ofExpertInLayer: 0) == 19_584, "576 blocks of 34 bytes")
  }

  /// The parts of a cut expert are the whole one's rows and columns.
  @Test(arguments: TensorEncoding.allCases)
  func partsMakeUpTheWhole(encoding: TensorEncoding) throws {
    let model = try MoEModelFile(path: folder.write(MoEModel(layers: 1, encoding: encoding).bytes()))
    let whole = try model.expert(ExpertKey(layer: 0, expert: 3, cut: 0..<96))
    for cut in [0..<40, 40..<41, 41..<96] {
      let part = try model.expert(ExpertKey(layer: 0, expert: 3, cut: cut))
      #expect(part.gate == Array(whole.gate[cut.lowerBound * 64..<cut.upperBound * 64]))
      #expect(part.up == Array(whole.up[cut.lowerBound * 64..<cut.upperBound * 64]))
      for row in 0..<64 {
        #expect(
          Array(part.down[row * cut.count..<(row + 1) * cut.count])
            == Array(whole.down[row * 96 + cut.lowerBound..<row * 96 + cut.upperBound]))
      }
    }
  }

  /// One block of each format, decoded by hand.
  @Test func decodesBlocks() {
    let half = MoEModel.little(Float16(0.5).bitPattern)
    let bytes = (0..<32).map { (index: Int) -> UInt8 in UInt8(bitPattern: Int8(index * 8 - 128)) }
    let eights: [Float] = (0..<32).map { (index: Int) -> Float in Float(index * 4 - 64) }
    #expect(TensorEncoding.q8.decode(half + bytes) == eights)
    // Low halves are 0 to 15 and stand first, high halves 15 to 0.
    let nibbles = (0..<16).map { (index: Int) -> UInt8 in UInt8(index | (15 - index) << 4) }
    let low: [Float] = (0..<16).map { (index: Int) -> Float in 0.5 * Float(index - 8) }
    let high: [Float] = (0..<16).map { (index: Int) -> Float in 0.5 * Float(7 - index) }
    #expect(TensorEncoding.q4.decode(half + nibbles) == low + high)
    #expect(TensorEncoding.f16.decode(half + MoEModel.little(Float16(-3).bitPattern)) == [0.5, -3])
    #expect(TensorEncoding.f32.decode(MoEModel.little(Float(1.25).bitPattern)) == [1.25])
  }

  /// DeepSeek-V3's routing: sigmoid, groups, a bias that only the choice sees, weights that add up to the factor.
  @Test func readsRoutingByGroups() throws {
    let one: (UInt32) -> [UInt8] = { MoEModel.little($0) }
    var file = MoEModel(
      architecture: "deepseek2",
      extra: [
        ("deepseek2.expert_gating_func", 4, one(2)), ("deepseek2.expert_group_count", 4, one(4)),
        ("deepseek2.expert_group_used_count", 4, one(2)), ("deepseek2.expert_weights_norm", 7, [1]),
        ("deepseek2.expert_weights_scale", 6, MoEModel.little(Float(2.5).bitPattern)),
      ])
    // No score between 0 and 1 makes up for it: only experts 6 and 7, and the rest of a second group, are chosen.
    file.choiceBias = [0, 0, 0, 0, 0, 0, 2, 2]
    let model = try MoEModelFile(path: folder.write(file.bytes()))
    #expect(
      model.routing
        == RoutingRule(
          topK: 2, scoring: .sigmoid, groups: RoutingRule.Groups(count: 4, usedCount: 2), isRenormalized: true,
          scale: 2.5))
    var random = Random(seed: 3)
    let routed = try model.router(layer: 1).route(random.rows(20, hidden: model.hiddenSize))
    for token in 0..<20 {
      #expect(Set(routed.experts[2 * token..<2 * token + 2]) == [6, 7])
      #expect(abs(routed.gates[2 * token] + routed.gates[2 * token + 1] - 2.5) < 1e-5)
    }
  }

  /// What is missing or not known is named.
  @Test func refusesWhatCannotBeUsed() throws {
    let one: (UInt32) -> [UInt8] = { MoEModel.little($0) }
    let cases: [(MoEModel, String)] = [
      (MoEModel(architecture: "gpt-oss"), "architecture gpt-oss"),
      (MoEModel(experts: 8, topK: 9), "expert_used_count"),
      (
        MoEModel(architecture: "deepseek2", extra: [("deepseek2.expert_gating_func", 4, one(3))]), "gating function"
      ),
      (MoEModel(architecture: "deepseek2", extra: [("deepseek2.expert_group_count", 4, one(4))]), "0 of 4 groups"),
      (
        MoEModel(
          architecture: "deepseek2",
          extra: [
            ("deepseek2.expert_group_count", 4, one(3)), ("deepseek2.expert_group_used_count", 4, one(1)),
          ]), "1 of 3 groups"
      ),
      (MoEModel(layers: 0, denseBlocks: 2), "no block has ffn_gate_exps"),
      (MoEModel(layers: 0, denseBlocks: 2, experts: 0), "cannot be used: it has none"),
    ]
    for (model, words) in cases {
      let path = folder.write(model.bytes())
      let error = #expect(throws: ApusError.self) { try MoEModelFile(path: path) }
      #expect(error?.code == .badInput)
      #expect(error?.reason.contains(words) == true, "\(error?.reason ?? "") should say \(words)")
    }
  }
}

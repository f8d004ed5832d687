import ExpertPlacement
import Foundation
import Serving
import TestKit
import Testing

@testable import ExpertExecution

/// Grouped products against plain loops, for every encoding, whole experts and cut ones.
@Suite("Computing experts")
struct ExpertShelfTests {
  private let folder = TemporaryFolder()

  private func work(_ rows: [Float], _ routed: RoutedTokens, cut: Range<Int>, hidden: Int) -> ExpertWork {
    ExpertWork(
      layer: 0, cut: cut, hiddenSize: hidden, rows: rows.map { HalfFloats.half($0) },
      pairRows: routed.experts.indices.map { Int32($0 / routed.topK) }, pairExperts: routed.experts,
      pairGates: routed.gates)
  }

  @Test(arguments: TensorEncoding.allCases)
  func computesWhatPlainLoopsCompute(encoding: TensorEncoding) throws {
    let model = try MoEModelFile(path: folder.write(MoEModel(layers: 1, encoding: encoding).bytes()))
    var random = Random(seed: 7)
    let rows = random.rows(9, hidden: 64)
    let routed = try model.router(layer: 0).route(rows)
    let reference = try Reference.layer(rows, routed, layer: 0, model: model)
    let shelf = ExpertShelf()
    var parts = [Float](repeating: 0, count: rows.count)
    for cut in [0..<96, 0..<31, 31..<96] {
      for expert in 0..<8 {
        let key = ExpertKey(layer: 0, expert: expert, cut: cut)
        shelf.put(try model.expert(key), for: key)
      }
      let sums = try shelf.compute(work(rows, routed, cut: cut, hidden: 64))
      #expect(sums.expertTokens.reduce(0, +) == 18)
      if cut.count == 96 {
        #expect(Reference.relativeError(sums.sums, reference) < 1e-5)
      } else {
        parts = zip(parts, sums.sums).map(+)
      }
    }
    #expect(Reference.relativeError(parts, reference) < 1e-5, "the parts of cut experts add up to the whole")
    #expect(shelf.byteCount == 1_179_648, "eight experts of 73,728 bytes, whole and in parts")
  }

  @Test func saysWhichExpertIsNotThere() throws {
    let routed = RoutedTokens(topK: 1, experts: [5], gates: [1])
    let error = #expect(throws: ApusError.self) {
      try ExpertShelf().compute(work([Float](repeating: 0, count: 64), routed, cut: 0..<96, hidden: 64))
    }
    #expect(error?.reason == "expert 5 of layer 0 is not on this host")
  }
}

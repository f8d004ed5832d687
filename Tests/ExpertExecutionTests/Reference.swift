import ExpertPlacement
import Foundation

@testable import ExpertExecution

/// The layer in plain double-precision loops, with nothing of the code under test but the decoded weights.
enum Reference {
  static func layer(_ rows: [Float], _ routed: RoutedTokens, layer: Int, model: MoEModelFile) throws -> [Float] {
    let (hidden, inner) = (model.hiddenSize, model.intermediateSize)
    var weights: [UInt16: ExpertWeights] = [:]
    for expert in Set(routed.experts) {
      weights[expert] = try model.expert(ExpertKey(layer: layer, expert: Int(expert), cut: 0..<inner))
    }
    var sums = [Double](repeating: 0, count: rows.count)
    for (pair, expert) in routed.experts.enumerated() {
      guard let matrices = weights[expert] else { continue }
      let row = pair / routed.topK * hidden
      var middle = [Double](repeating: 0, count: inner)
      for index in 0..<inner {
        var (gate, up) = (0.0, 0.0)
        for element in 0..<hidden {
          gate += Double(rows[row + element]) * Double(matrices.gate[index * hidden + element])
          up += Double(rows[row + element]) * Double(matrices.up[index * hidden + element])
        }
        middle[index] = gate / (1 + exp(-gate)) * up
      }
      for element in 0..<hidden {
        var sum = 0.0
        for index in 0..<inner { sum += middle[index] * Double(matrices.down[element * inner + index]) }
        sums[row + element] += Double(routed.gates[pair]) * sum
      }
    }
    return sums.map { Float($0) }
  }

  /// Length of the difference over the length of the reference.
  static func relativeError(_ result: [Float], _ reference: [Float]) -> Double {
    precondition(result.count == reference.count)
    var (difference, length) = (0.0, 0.0)
    for (a, b) in zip(result, reference) {
      difference += Double(a - b) * Double(a - b)
      length += Double(b) * Double(b)
    }
    return (difference / length).squareRoot()
  }
}

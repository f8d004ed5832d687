import Glibc
import OpenBLAS
import Serving

/// The experts a host has in memory, and the computing with them. Lives on the host's computing thread.
final class ExpertShelf {
  private var experts: [ExpertKey: ExpertWeights] = [:]

  private(set) var byteCount = 0

  func put(_ weights: ExpertWeights, for key: ExpertKey) {
    guard experts.updateValue(weights, forKey: key) == nil else { return }
    byteCount += weights.byteCount
  }

  func drop(_ key: ExpertKey) {
    if let weights = experts.removeValue(forKey: key) { byteCount -= weights.byteCount }
  }

  func has(_ key: ExpertKey) -> Bool { experts[key] != nil }

  /// Grouped by expert: the rows of one expert pass its three matrices together.
  ///
  /// - Throws: `badInput` for an expert that is not here.
  func compute(_ work: ExpertWork) throws(ApusError) -> ExpertSums {
    let hidden = work.hiddenSize
    let groups = Dictionary(grouping: work.pairExperts.indices, by: { work.pairExperts[$0] }).sorted { $0.key < $1.key }
    var chosen: [ExpertWeights] = []
    for (expert, _) in groups {
      guard let weights = experts[ExpertKey(layer: work.layer, expert: Int(expert), cut: work.cut)] else {
        throw ApusError(
          .badInput, "expert \(expert) of layer \(work.layer) is not on this host", advice: "move it there first")
      }
      guard weights.hiddenSize == hidden else {
        throw ApusError(.badInput, "rows have \(hidden) elements, the experts \(weights.hiddenSize)")
      }
      chosen.append(weights)
    }
    let rows = [Float](unsafeUninitializedCapacity: work.rows.count) { target, count in
      count = work.rows.count
      guard let to = target.baseAddress else { return }
      work.rows.withUnsafeBytes { if let from = $0.baseAddress { HalfFloats.decode(from, into: to, count: count) } }
    }
    var sums = [Float](repeating: 0, count: rows.count)
    var buffers = Buffers(rows: groups.map(\.value.count).max() ?? 0, hidden: hidden, inner: work.cut.count)
    for ((_, pairs), weights) in zip(groups, chosen) {
      buffers.pass(pairs, of: work, rows: rows, through: weights, addingTo: &sums)
    }
    return ExpertSums(sums: sums, expertTokens: groups.map(\.value.count))
  }

  /// Memory for the rows of one expert on their way, used again for the next.
  private struct Buffers {
    private var input: [Float]
    private var gated: [Float]
    private var lifted: [Float]
    private var output: [Float]

    init(rows: Int, hidden: Int, inner: Int) {
      input = [Float](repeating: 0, count: rows * hidden)
      gated = [Float](repeating: 0, count: rows * inner)
      lifted = gated
      output = input
    }

    /// SwiGLU: `down(silu(gate(x)) * up(x))`, times the pair's weight, added to the row's sum.
    mutating func pass(
      _ pairs: [Int], of work: ExpertWork, rows: [Float], through weights: ExpertWeights, addingTo sums: inout [Float]
    ) {
      let (hidden, inner, count) = (weights.hiddenSize, weights.innerSize, pairs.count)
      input.withUnsafeMutableBufferPointer { input in
        rows.withUnsafeBufferPointer { rows in
          for (place, pair) in pairs.enumerated() {
            (input.baseAddress! + place * hidden).update(
              from: rows.baseAddress! + Int(work.pairRows[pair]) * hidden, count: hidden)
          }
        }
      }
      Self.multiply(input, weights.gate, into: &gated, rows: count, inner: hidden, columns: inner)
      Self.multiply(input, weights.up, into: &lifted, rows: count, inner: hidden, columns: inner)
      gated.withUnsafeMutableBufferPointer { gated in
        lifted.withUnsafeBufferPointer { lifted in
          for index in 0..<count * inner {
            gated[index] = gated[index] / (1 + expf(-gated[index])) * lifted[index]
          }
        }
      }
      Self.multiply(gated, weights.down, into: &output, rows: count, inner: inner, columns: hidden)
      sums.withUnsafeMutableBufferPointer { sums in
        output.withUnsafeBufferPointer { output in
          for (place, pair) in pairs.enumerated() {
            let gate = work.pairGates[pair]
            let to = sums.baseAddress! + Int(work.pairRows[pair]) * hidden
            let from = output.baseAddress! + place * hidden
            for index in 0..<hidden { to[index] += gate * from[index] }
          }
        }
      }
    }

    private static func multiply(
      _ left: [Float], _ right: [Float], into product: inout [Float], rows: Int, inner: Int, columns: Int
    ) {
      left.withUnsafeBufferPointer { left in
        right.withUnsafeBufferPointer { right in
          product.withUnsafeMutableBufferPointer {
            BLAS.multiply(left, transposing: right, into: $0, rows: rows, inner: inner, columns: columns)
          }
        }
      }
    }
  }
}

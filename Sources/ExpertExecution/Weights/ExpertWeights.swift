/// An expert's three matrices in single precision: all of them, or the part of one cut across its inner dimension.
struct ExpertWeights: Sendable {
  let hiddenSize: Int
  /// Inner elements that are here.
  let innerSize: Int
  /// `[inner][hidden]`.
  let gate: [Float]
  let up: [Float]
  /// `[hidden][inner]`.
  let down: [Float]

  init(hiddenSize: Int, innerSize: Int, gate: [Float], up: [Float], down: [Float]) {
    let count = hiddenSize * innerSize
    precondition(gate.count == count && up.count == count && down.count == count, "matrices of the sizes said")
    self.hiddenSize = hiddenSize
    self.innerSize = innerSize
    self.gate = gate
    self.up = up
    self.down = down
  }

  var byteCount: Int { 4 * (gate.count + up.count + down.count) }
}

/// What a host can have: an expert of a layer, or a part of it.
struct ExpertKey: Hashable, Sendable {
  var layer: Int
  var expert: Int
  /// Inner elements; all of them for a whole expert.
  var cut: Range<Int>
}

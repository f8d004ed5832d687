/// What a host is to compute in one layer: rows of the hidden state, and which expert each goes through with which weight.
struct ExpertWork: Sendable {
  var layer: Int
  /// Inner elements of the experts that count here; all of them unless they are cut.
  var cut: Range<Int>
  let hiddenSize: Int
  /// Half-precision rows, `[row][hidden]`, little-endian.
  var rows: [UInt16]
  /// For each computation its row, its expert and its weight.
  var pairRows: [Int32]
  var pairExperts: [UInt16]
  var pairGates: [Float]

  var rowCount: Int { rows.count / hiddenSize }
}

/// The gate-weighted sum over a host's experts for each row, and what it took.
struct ExpertSums: Sendable {
  /// Single precision, `[row][hidden]`.
  var sums: [Float]
  /// Pairs of each expert that was used.
  var expertTokens: [Int]
}

/// A forest of regression trees with several outputs: bagged trees (Breiman, 2001) or extremely randomized ones.
///
/// The heart of the learner. The same seed gives the same forest on any number of threads.
struct Forest: Sendable {
  let columnCount: Int
  let outputCount: Int
  let nodes: [TreeGrower.Node]
  /// Place of each tree's root in `nodes`.
  let roots: [Int32]
  /// `leaves[leaf * outputCount + output]`.
  let leaves: [Float]

  /// A forest whose parts are known to fit.
  init(columnCount: Int, outputCount: Int, nodes: [TreeGrower.Node], roots: [Int32], leaves: [Float]) {
    self.columnCount = columnCount
    self.outputCount = outputCount
    self.nodes = nodes
    self.roots = roots
    self.leaves = leaves
  }

  /// - Parameters:
  ///   - targets: `targets[row * outputCount + output]`, finite, of comparable size: the split minimises their summed
  ///     squared error.
  ///   - weights: one for each row, not negative, one of them above zero; nil for all equal. Zero leaves a row out.
  init(
    _ bins: BinnedMatrix, targets: [Float], outputCount: Int, weights: [Float]? = nil, settings: ForestSettings,
    seed: UInt64, threadCount: Int
  ) {
    precondition(outputCount > 0 && targets.count == bins.rowCount * outputCount, "\(outputCount) targets for each row")
    precondition(weights?.count ?? bins.rowCount == bins.rowCount, "a weight for each row")
    let weights = weights ?? [Float](repeating: 1, count: bins.rowCount)
    precondition(weights.contains { $0 > 0 }, "a forest needs a row")
    let means = Self.means(targets, outputCount: outputCount, weights: weights)
    // Centred, so that single precision is spent on the differences.
    let centred = targets.enumerated().map { $1 - means[$0 % outputCount] }
    let trees = ParallelLoop.map(count: settings.treeCount, threadCount: threadCount) { index in
      var random = RandomSource(seed: seed, stream: UInt64(index))
      let sample = settings.isBootstrapped ? Self.bootstrap(weights, &random) : weights
      return centred.withUnsafeBufferPointer { targets in
        var grower = TreeGrower(
          bins: bins, targets: targets, outputCount: outputCount, rowWeights: sample, settings: settings,
          random: random)
        grower.grow()
        return (nodes: grower.nodes, leaves: grower.leaves)
      }
    }
    columnCount = bins.columnCount
    self.outputCount = outputCount
    var (nodes, roots, leaves): ([TreeGrower.Node], [Int32], [Float]) = ([], [], [])
    nodes.reserveCapacity(trees.reduce(0) { $0 + $1.nodes.count })
    leaves.reserveCapacity(trees.reduce(0) { $0 + $1.leaves.count })
    for tree in trees {
      let (firstNode, firstLeaf) = (Int32(nodes.count), Int32(leaves.count / outputCount))
      roots.append(firstNode)
      for var node in tree.nodes {
        node.next += node.column < 0 ? firstLeaf : firstNode
        nodes.append(node)
      }
      for (place, value) in tree.leaves.enumerated() { leaves.append(value + means[place % outputCount]) }
    }
    (self.nodes, self.roots, self.leaves) = (nodes, roots, leaves)
  }

  /// The mean over the trees for one row of features, one value for each output.
  func predict(_ row: some Collection<Float>) -> [Float] { predict(row, trees: 0..<roots.count) }

  var treeCount: Int { roots.count }

  /// The mean over some of the trees; numbers from `treeCount` on begin again with the first.
  func predict(_ row: some Collection<Float>, trees: Range<Int>) -> [Float] {
    precondition(row.count == columnCount, "\(row.count) features for a forest of \(columnCount)")
    let sums =
      row.withContiguousStorageIfAvailable { add($0, trees) } ?? Array(row).withUnsafeBufferPointer { add($0, trees) }
    return sums.map { $0 / Float(trees.count) }
  }

  /// The means over the trees for rows one after another; tree by tree, so that each is at hand while it is asked.
  ///
  /// - Returns: `outputCount` values for each row.
  func predict(rows values: [Float]) -> [Float] {
    precondition(values.count.isMultiple(of: columnCount), "values are whole rows")
    let rowCount = values.count / columnCount
    var sums = [Float](repeating: 0, count: rowCount * outputCount)
    values.withUnsafeBufferPointer { values in
      nodes.withUnsafeBufferPointer { nodes in
        for root in roots {
          for row in 0..<rowCount {
            let features = UnsafeBufferPointer(rebasing: values[row * columnCount..<(row + 1) * columnCount])
            let leaf = Self.leaf(of: features, from: Int(root), nodes) * outputCount
            for output in 0..<outputCount { sums[row * outputCount + output] += leaves[leaf + output] }
          }
        }
      }
    }
    return sums.map { $0 / Float(roots.count) }
  }

  private func add(_ row: UnsafeBufferPointer<Float>, _ trees: Range<Int>) -> [Float] {
    var sums = [Float](repeating: 0, count: outputCount)
    nodes.withUnsafeBufferPointer { nodes in
      leaves.withUnsafeBufferPointer { leaves in
        for tree in trees {
          let leaf = Self.leaf(of: row, from: Int(roots[tree % roots.count]), nodes) * outputCount
          for output in 0..<outputCount { sums[output] += leaves[leaf + output] }
        }
      }
    }
    return sums
  }

  @inline(__always)
  private static func leaf(
    of row: UnsafeBufferPointer<Float>, from root: Int, _ nodes: UnsafeBufferPointer<TreeGrower.Node>
  ) -> Int {
    var node = nodes[root]
    while node.column >= 0 {
      let value = row[Int(node.column)]
      let isLeft = value.isNaN ? node.isMissingLeft : value <= node.cut
      node = nodes[Int(node.next) + (isLeft ? 0 : 1)]
    }
    return Int(node.next)
  }

  private static func means(_ targets: [Float], outputCount: Int, weights: [Float]) -> [Float] {
    var sums = [Double](repeating: 0, count: outputCount)
    var weight = 0.0
    for (row, rowWeight) in weights.enumerated() where rowWeight > 0 {
      weight += Double(rowWeight)
      for output in 0..<outputCount { sums[output] += Double(rowWeight) * Double(targets[row * outputCount + output]) }
    }
    return sums.map { Float($0 / weight) }
  }

  /// Draws as many rows as have a weight, with replacement; a row drawn twice weighs twice.
  private static func bootstrap(_ weights: [Float], _ random: inout RandomSource) -> [Float] {
    let rows = weights.indices.filter { weights[$0] > 0 }
    var drawn = [Float](repeating: 0, count: weights.count)
    for _ in rows { drawn[rows[random.index(below: rows.count)]] += 1 }
    for row in rows { drawn[row] *= weights[row] }
    return drawn
  }
}

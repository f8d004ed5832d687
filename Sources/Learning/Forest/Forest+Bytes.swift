/// A forest as bytes, to be read by a later run on any machine: all numbers little-endian, 4 bytes each.
///
/// Columns, outputs, roots, nodes and leaf values are counted first; then the roots, the nodes (column, doubled and
/// increased by one where missing values go left; cut; next), and the leaves' values.
extension Forest {
  var bytes: [UInt8] {
    var words: [UInt32] = [columnCount, outputCount, roots.count, nodes.count, leaves.count].map { UInt32($0) }
    words.reserveCapacity(words.count + roots.count + 3 * nodes.count + leaves.count)
    words += roots.map { UInt32(bitPattern: $0) }
    for node in nodes {
      words.append(UInt32(bitPattern: node.column << 1 | (node.isMissingLeft ? 1 : 0)))
      words.append(node.cut.bitPattern)
      words.append(UInt32(bitPattern: node.next))
    }
    words += leaves.map(\.bitPattern)
    return words.map(\.littleEndian).withUnsafeBytes { Array($0) }
  }

  /// - Parameter bytes: as `bytes` was.
  /// - Throws: anything that is not a whole forest: one whose places lie outside, or whose trees do not end.
  init(bytes: some Collection<UInt8>) throws(LearningError) {
    let broken = LearningError("a forest that is not whole")
    guard bytes.count >= 20, bytes.count.isMultiple(of: 4) else { throw broken }
    let words: [UInt32] = Array(bytes).withUnsafeBytes { bytes in
      (0..<bytes.count / 4).map { UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)) }
    }
    let counts = words[..<5].map { Int($0) }
    let (columnCount, outputCount, rootCount, nodeCount, valueCount) =
      (counts[0], counts[1], counts[2], counts[3], counts[4])
    guard columnCount > 0, outputCount > 0, rootCount > 0,
      words.count == 5 + rootCount + 3 * nodeCount + valueCount, valueCount.isMultiple(of: outputCount)
    else { throw broken }
    let roots = words[5..<5 + rootCount].map { Int32(bitPattern: $0) }
    let first = 5 + rootCount
    let nodes = (0..<nodeCount).map { number in
      let mark = Int32(bitPattern: words[first + 3 * number])
      return TreeGrower.Node(
        column: mark >> 1, cut: Float(bitPattern: words[first + 3 * number + 1]),
        next: Int32(bitPattern: words[first + 3 * number + 2]), isMissingLeft: mark & 1 == 1)
    }
    let leaves = words.suffix(valueCount).map { Float(bitPattern: $0) }
    let leafCount = valueCount / outputCount
    guard roots.allSatisfy({ (0..<nodeCount).contains(Int($0)) }), leaves.allSatisfy(\.isFinite) else { throw broken }
    for (number, node) in nodes.enumerated() {
      // Children come after their parent: every walk ends.
      let isSound =
        node.column < 0
        ? (0..<leafCount).contains(Int(node.next))
        : Int(node.column) < columnCount && Int(node.next) > number && Int(node.next) + 1 < nodeCount
      guard isSound else { throw broken }
    }
    self.init(columnCount: columnCount, outputCount: outputCount, nodes: nodes, roots: roots, leaves: leaves)
  }
}

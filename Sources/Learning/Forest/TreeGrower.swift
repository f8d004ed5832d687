/// Grows one regression tree with several outputs, by the largest decrease of the summed squared error.
///
/// A 0/1 output makes it a classification tree by Gini impurity, since both are the same sum. Holds the scratch memory
/// of one tree; one thread uses it.
struct TreeGrower: ~Copyable {
  /// A node of a grown tree; the right child of an inner node follows its left one.
  struct Node: Hashable, Sendable {
    /// The column that is compared, or -1 in a leaf.
    var column: Int32
    /// A value at most as large goes left.
    var cut: Float
    /// Left child, or the number of the leaf.
    var next: Int32
    var isMissingLeft: Bool
  }

  private struct Split {
    var gain: Float
    var column = -1
    var bin: UInt8 = 0
    var isMissingLeft = false
  }

  private let bins: BinnedMatrix
  private let settings: ForestSettings
  private let outputCount: Int
  private let triedCount: Int
  private var random: RandomSource

  /// `weighted[row * outputCount + output]`: weight times target.
  private let weighted: UnsafeMutablePointer<Float>
  private let weights: UnsafeMutablePointer<Float>
  private let squares: UnsafeMutablePointer<Float>
  private let rows: UnsafeMutablePointer<Int32>
  private let rowCount: Int
  private let columns: UnsafeMutablePointer<Int32>
  /// Sums of a column's bins: outputs, weight.
  private let sums: UnsafeMutablePointer<Float>
  private let counts: UnsafeMutablePointer<Int32>
  /// Totals of the node, of what goes left, and of the missing: `outputCount` sums and the weight.
  private let total: UnsafeMutablePointer<Float>
  private let left: UnsafeMutablePointer<Float>

  private(set) var nodes: [Node] = []
  /// `leaves[leaf * outputCount + output]`.
  private(set) var leaves: [Float] = []

  /// - Parameters:
  ///   - targets: `targets[row * outputCount + output]` for every row of `bins`, best centred on zero.
  ///   - rowWeights: for every row of `bins`; a row of weight zero is left out.
  init(
    bins: BinnedMatrix, targets: UnsafeBufferPointer<Float>, outputCount: Int, rowWeights: [Float],
    settings: ForestSettings, random: RandomSource
  ) {
    self.bins = bins
    self.settings = settings
    self.outputCount = outputCount
    self.random = random
    triedCount = max(1, Int((settings.columnShare * Double(bins.columnCount)).rounded(.up)))
    let width = outputCount + 1
    weighted = .allocate(capacity: max(1, bins.rowCount * outputCount))
    weights = .allocate(capacity: max(1, bins.rowCount))
    squares = .allocate(capacity: max(1, bins.rowCount))
    rows = .allocate(capacity: max(1, bins.rowCount))
    columns = .allocate(capacity: max(1, bins.columnCount))
    sums = .allocate(capacity: 256 * width)
    counts = .allocate(capacity: 256)
    total = .allocate(capacity: width)
    left = .allocate(capacity: 3 * width)
    for column in 0..<bins.columnCount { columns[column] = Int32(column) }
    var kept = 0
    for row in 0..<bins.rowCount where rowWeights[row] > 0 {
      rows[kept] = Int32(row)
      kept += 1
      weights[row] = rowWeights[row]
      var square: Float = 0
      for output in 0..<outputCount {
        let target = targets[row * outputCount + output]
        weighted[row * outputCount + output] = rowWeights[row] * target
        square += rowWeights[row] * target * target
      }
      squares[row] = square
    }
    rowCount = kept
  }

  deinit {
    weighted.deallocate()
    weights.deallocate()
    squares.deallocate()
    rows.deallocate()
    columns.deallocate()
    sums.deallocate()
    counts.deallocate()
    total.deallocate()
    left.deallocate()
  }

  /// Grows the tree; `nodes` and `leaves` hold it afterwards.
  mutating func grow() {
    nodes = [Node(column: -1, cut: 0, next: 0, isMissingLeft: false)]
    leaves = []
    var open: [(node: Int, range: Range<Int>, depth: Int)] = [(0, 0..<rowCount, 0)]
    while let (node, range, depth) = open.popLast() {
      let square = summarize(range)
      let split =
        depth < settings.mostDepth && range.count >= 2 * settings.leastLeafRows ? bestSplit(range, square) : nil
      guard let split else {
        closeLeaf(node)
        continue
      }
      let middle = partition(range, split)
      let child = nodes.count
      let edges = bins.edges[split.column]
      // Behind the last bin only missing values are left.
      let cut = Int(split.bin) < edges.count ? edges[Int(split.bin)] : .infinity
      nodes[node] = Node(
        column: Int32(split.column), cut: cut, next: Int32(child), isMissingLeft: split.isMissingLeft)
      nodes.append(nodes[node])
      nodes.append(nodes[node])
      open.append((child + 1, middle..<range.upperBound, depth + 1))
      open.append((child, range.lowerBound..<middle, depth + 1))
    }
  }

  private mutating func closeLeaf(_ node: Int) {
    nodes[node] = Node(column: -1, cut: 0, next: Int32(leaves.count / outputCount), isMissingLeft: false)
    let weight = max(total[outputCount], .leastNormalMagnitude)
    for output in 0..<outputCount { leaves.append(total[output] / weight) }
  }

  /// Fills `total`, and gives the sum of the weighted squared targets.
  private func summarize(_ range: Range<Int>) -> Float {
    for place in 0...outputCount { total[place] = 0 }
    var square: Float = 0
    for place in range {
      let row = Int(rows[place])
      for output in 0..<outputCount { total[output] += weighted[row * outputCount + output] }
      total[outputCount] += weights[row]
      square += squares[row]
    }
    return square
  }

  private mutating func bestSplit(_ range: Range<Int>, _ square: Float) -> Split? {
    let weight = total[outputCount]
    var explained: Float = 0
    for output in 0..<outputCount { explained += total[output] * total[output] / weight }
    // What rounding alone can pretend to gain.
    let noise = 1e-5 * square
    guard square - explained > noise else { return nil }
    var best = Split(gain: explained + noise)
    var tried = 0
    var open = bins.columnCount
    while open > 0, tried < triedCount {
      let place = random.index(below: open)
      open -= 1
      let column = Int(columns[place])
      columns[place] = columns[open]
      columns[open] = Int32(column)
      let isUseful =
        settings.hasRandomCuts ? tryRandomCut(column, range, &best) : tryAllCuts(column, range, &best)
      if isUseful { tried += 1 }
    }
    return best.column < 0 ? nil : best
  }

  /// Compares a cut with the best so far: `left` holds the sums of the left side, `total` those of the node.
  @inline(__always)
  private func weigh(_ side: UnsafeMutablePointer<Float>, _ best: inout Split, _ split: Split) {
    let leftWeight = side[outputCount]
    let rightWeight = total[outputCount] - leftWeight
    guard leftWeight > 0, rightWeight > 0 else { return }
    var (leftSquare, rightSquare): (Float, Float) = (0, 0)
    for output in 0..<outputCount {
      let value = side[output]
      let rest = total[output] - value
      leftSquare += value * value
      rightSquare += rest * rest
    }
    let explained = leftSquare / leftWeight + rightSquare / rightWeight
    if explained > best.gain {
      best = split
      best.gain = explained
    }
  }

  /// The lowest and highest bin of a column in a node, and where cuts may lie: below the highest bin, or also behind it
  /// when that parts the known values from the missing ones. nil when the column is constant.
  private func span(_ column: Int, _ range: Range<Int>) -> (lowest: Int, highest: Int, cuts: Range<Int>)? {
    bins.codes.withUnsafeBufferPointer { codes in
      let codes = codes.baseAddress! + column * bins.rowCount
      var (lowest, highest): (UInt8, UInt8) = (BinnedMatrix.missing, 0)
      var hasMissing = false
      for place in range {
        let bin = codes[Int(rows[place])]
        lowest = min(lowest, bin)
        if bin == BinnedMatrix.missing { hasMissing = true } else { highest = max(highest, bin) }
      }
      guard lowest != BinnedMatrix.missing, lowest < highest || hasMissing else { return nil }
      return (Int(lowest), Int(highest), Int(lowest)..<Int(highest) + (hasMissing ? 1 : 0))
    }
  }

  /// - Returns: false for a column that is constant in the node.
  private func tryAllCuts(_ column: Int, _ range: Range<Int>, _ best: inout Split) -> Bool {
    let width = outputCount + 1
    let missing = Int(BinnedMatrix.missing)
    guard let span = self.span(column, range) else { return false }
    let (lowest, highest) = (span.lowest, span.highest)
    for bin in lowest...highest { counts[bin] = 0 }
    counts[missing] = 0
    (sums + lowest * width).update(repeating: 0, count: (highest - lowest + 1) * width)
    (sums + missing * width).update(repeating: 0, count: width)
    bins.codes.withUnsafeBufferPointer { codes in
      let codes = codes.baseAddress! + column * bins.rowCount
      for place in range {
        let row = Int(rows[place])
        let bin = Int(codes[row])
        counts[bin] += 1
        let sum = sums + bin * width
        let values = weighted + row * outputCount
        for output in 0..<outputCount { sum[output] += values[output] }
        sum[outputCount] += weights[row]
      }
    }
    let missingCount = Int(counts[missing])
    let missingSums = sums + missing * width
    for place in 0..<width { left[place] = 0 }
    var leftCount = 0
    for bin in span.cuts where counts[bin] > 0 {
      let sum = sums + bin * width
      for place in 0..<width { left[place] += sum[place] }
      leftCount += Int(counts[bin])
      let rightCount = range.count - leftCount
      if leftCount >= settings.leastLeafRows, rightCount >= settings.leastLeafRows {
        weigh(left, &best, Split(gain: 0, column: column, bin: UInt8(bin), isMissingLeft: false))
      }
      guard missingCount > 0, leftCount + missingCount >= settings.leastLeafRows,
        rightCount - missingCount >= settings.leastLeafRows
      else { continue }
      let both = left + width
      for place in 0..<width { both[place] = left[place] + missingSums[place] }
      weigh(both, &best, Split(gain: 0, column: column, bin: UInt8(bin), isMissingLeft: true))
    }
    return true
  }

  /// - Returns: false for a column that is constant in the node.
  private mutating func tryRandomCut(_ column: Int, _ range: Range<Int>, _ best: inout Split) -> Bool {
    let width = outputCount + 1
    let missing = BinnedMatrix.missing
    guard let span = self.span(column, range) else { return false }
    let start = column * bins.rowCount
    let cut = UInt8(span.cuts.lowerBound + random.index(below: span.cuts.count))
    let (both, absent) = (left + width, left + 2 * width)
    for place in 0..<3 * width { left[place] = 0 }
    var (leftCount, missingCount) = (0, 0)
    bins.codes.withUnsafeBufferPointer { codes in
      let codes = codes.baseAddress! + start
      for place in range {
        let row = Int(rows[place])
        let bin = codes[row]
        guard bin <= cut || bin == missing else { continue }
        let sum = bin == missing ? absent : left
        if bin == missing { missingCount += 1 } else { leftCount += 1 }
        let values = weighted + row * outputCount
        for output in 0..<outputCount { sum[output] += values[output] }
        sum[outputCount] += weights[row]
      }
    }
    let rightCount = range.count - leftCount
    if leftCount >= settings.leastLeafRows, rightCount >= settings.leastLeafRows {
      weigh(left, &best, Split(gain: 0, column: column, bin: cut, isMissingLeft: false))
    }
    if missingCount > 0, leftCount + missingCount >= settings.leastLeafRows,
      rightCount - missingCount >= settings.leastLeafRows
    {
      for place in 0..<width { both[place] = left[place] + absent[place] }
      weigh(both, &best, Split(gain: 0, column: column, bin: cut, isMissingLeft: true))
    }
    return true
  }

  /// Moves the rows of the left side to the front of the range; gives the first place of the right side.
  private func partition(_ range: Range<Int>, _ split: Split) -> Int {
    bins.codes.withUnsafeBufferPointer { codes in
      let codes = codes.baseAddress! + split.column * bins.rowCount
      var (front, back) = (range.lowerBound, range.upperBound)
      while front < back {
        let bin = codes[Int(rows[front])]
        if bin == BinnedMatrix.missing ? split.isMissingLeft : bin <= split.bin {
          front += 1
        } else {
          back -= 1
          swap(&rows[front], &rows[back])
        }
      }
      return front
    }
  }
}

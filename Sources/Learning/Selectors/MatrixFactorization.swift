/// Losses as a product of few hidden numbers of the instance and of the algorithm; a forest predicts those of a new
/// instance from its features (Mısır and Sebag: ALORS, 2017).
struct MatrixFactorization: TableSelector {
  let name = "matrix-factorization"
  let summary = "hidden factors of the loss matrix; a forest predicts an instance's"

  var settings = ForestSettings(treeCount: 100, columnShare: 1.0 / 3, leastLeafRows: 2)
  var mostFactors = 6

  func train(on table: SelectionTable, _ context: TrainingContext) -> any TableModel {
    let count = table.algorithmCount
    var filled = table.completed(table.losses)
    let means = (0..<count).map { algorithm in
      (0..<table.instanceCount).reduce(0.0) { $0 + filled[$1 * count + algorithm] } / Double(table.instanceCount)
    }
    var axes = Self.axes(filled, means, most: mostFactors)
    // Holes are filled from the factors, and the factors found again, until they agree well enough.
    if !table.isComplete {
      for _ in 0..<10 {
        for cell in filled.indices where table.losses[cell].isNaN {
          let row = cell / count * count..<(cell / count + 1) * count
          let hidden = Self.hidden(Array(filled[row]), means, axes)
          filled[cell] = means[cell % count] + zip(hidden, axes).reduce(0) { $0 + $1.0 * $1.1[cell % count] }
        }
        axes = Self.axes(filled, means, most: mostFactors)
      }
    }
    guard !axes.isEmpty else { return FixedScores(scores: means) }
    let targets = (0..<table.instanceCount).flatMap { instance in
      Self.hidden(Array(filled[instance * count..<(instance + 1) * count]), means, axes).map { Float($0) }
    }
    let forest = Forest(
      BinnedMatrix(table.instances), targets: targets, outputCount: axes.count, settings: settings, seed: context.seed,
      threadCount: context.threadCount)
    return Model(forest: forest, axes: axes, means: means)
  }

  private static func hidden(_ row: [Double], _ means: [Double], _ axes: [[Double]]) -> [Double] {
    axes.map { axis in row.indices.reduce(0) { $0 + (row[$1] - means[$1]) * axis[$1] } }
  }

  /// The leading principal axes of the centred rows, by power iteration with deflation; each has length 1.
  private static func axes(_ values: [Double], _ means: [Double], most: Int) -> [[Double]] {
    let count = means.count
    var covariance = [Double](repeating: 0, count: count * count)
    for start in stride(from: 0, to: values.count, by: count) {
      for a in 0..<count {
        let left = values[start + a] - means[a]
        for b in 0..<count { covariance[a * count + b] += left * (values[start + b] - means[b]) }
      }
    }
    let total = (0..<count).reduce(0.0) { $0 + covariance[$1 * count + $1] }
    var axes: [[Double]] = []
    var random = RandomSource(seed: 1, stream: UInt64(count))
    while axes.count < min(most, count) {
      var axis = (0..<count).map { _ in random.normal() }
      var length = 0.0
      for _ in 0..<200 {
        let image = (0..<count).map { a in (0..<count).reduce(0.0) { $0 + covariance[a * count + $1] * axis[$1] } }
        length = image.reduce(0) { $0 + $1 * $1 }.squareRoot()
        guard length > 1e-12 * max(total, .leastNormalMagnitude) else { return axes }
        axis = image.map { $0 / length }
      }
      // What explains less than a hundredth is noise.
      guard length > 0.01 * total else { return axes }
      for a in 0..<count { for b in 0..<count { covariance[a * count + b] -= length * axis[a] * axis[b] } }
      axes.append(axis)
    }
    return axes
  }

  private struct Model: TableModel {
    let forest: Forest
    let axes: [[Double]]
    let means: [Double]

    func scores(of instance: ArraySlice<Float>, among candidates: [Int]) -> [Double] {
      let hidden = forest.predict(instance)
      return candidates.map { algorithm in
        zip(hidden, axes).reduce(means[algorithm]) { $0 + Double($1.0) * $1.1[algorithm] }
      }
    }
  }
}

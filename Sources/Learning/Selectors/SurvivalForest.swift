/// A survival forest for each algorithm: how likely it is still running at each of some times, and from that curve the
/// expected loss (Tornede, Wever, Werner, Mohr, Hüllermeier: Run2Survive, 2020).
///
/// The curve's points are the outputs of one forest, each "not yet done at t". Every run is observed up to the cutoff,
/// so a leaf's mean of those outputs is its Kaplan-Meier curve, and splitting by their summed squared error minimises
/// the integrated Brier score.
struct SurvivalForest: TableSelector {
  let name = "survival-forest"
  let summary = "a survival forest for each algorithm; expected loss from its curve"

  var settings = ForestSettings(treeCount: 60, columnShare: 1.0 / 3, leastLeafRows: 3)
  var pointCount = 12

  func train(on table: SelectionTable, _ context: TrainingContext) -> any TableModel {
    let bins = BinnedMatrix(table.instances)
    let means = SingleBest.meanLosses(table)
    let curves: [Curve?] = ParallelLoop.map(count: table.algorithmCount, threadCount: context.threadCount) {
      algorithm in
      Self.curve(
        (0..<table.instanceCount).map { table.loss($0, algorithm) }, bins, pointCount, settings,
        context.part(algorithm).seed)
    }
    return Model(curves: curves, means: means)
  }

  /// - Parameter losses: of one algorithm; NaN when never tried.
  private static func curve(
    _ losses: [Double], _ bins: BinnedMatrix, _ pointCount: Int, _ settings: ForestSettings, _ seed: UInt64
  ) -> Curve? {
    let sorted = losses.filter { !$0.isNaN }.sorted()
    guard let last = sorted.last else { return nil }
    var points: [Double] = []
    for point in 0..<pointCount {
      let value = sorted[sorted.count * point / pointCount]
      if value > points.last ?? -.infinity, value < last { points.append(value) }
    }
    guard !points.isEmpty else { return Curve(steps: [last], forest: nil) }
    // steps[j]: mean loss of those between two points.
    let steps = (0...points.count).map { place in
      let inside = sorted.filter {
        (place == 0 || $0 > points[place - 1]) && (place == points.count || $0 <= points[place])
      }
      return inside.isEmpty ? points[min(place, points.count - 1)] : inside.reduce(0, +) / Double(inside.count)
    }
    let targets = losses.flatMap { loss in points.map { Float(!loss.isNaN && loss > $0 ? 1 : 0) } }
    let forest = Forest(
      bins, targets: targets, outputCount: points.count, weights: losses.map { $0.isNaN ? 0 : 1 }, settings: settings,
      seed: seed, threadCount: 1)
    return Curve(steps: steps, forest: forest)
  }

  private struct Curve: Sendable {
    let steps: [Double]
    /// nil when every run ended alike.
    let forest: Forest?

    func expectedLoss(_ instance: ArraySlice<Float>) -> Double {
      guard let forest else { return steps[0] }
      let survival = [1] + forest.predict(instance).map { Double($0) } + [0]
      return steps.indices.reduce(0) { $0 + (survival[$1] - survival[$1 + 1]) * steps[$1] }
    }
  }

  private struct Model: TableModel {
    let curves: [Curve?]
    let means: [Double]

    func scores(of instance: ArraySlice<Float>, among candidates: [Int]) -> [Double] {
      candidates.map { curves[$0]?.expectedLoss(instance) ?? means[$0] }
    }
  }
}

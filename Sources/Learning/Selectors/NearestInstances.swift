/// Mean loss over the most similar training instances (SUNNY's and ASAP's idea: Amadini, Gabbrielli, Mauro, 2014),
/// nearer ones weighing more. How many neighbours is chosen on the training instances, each left out in turn.
struct NearestInstances: TableSelector {
  let name = "nearest-instances"
  let summary = "weighted mean loss over the k nearest instances, k chosen by leaving one out"

  private static let neighbourCounts = [1, 3, 5, 10, 20, 40]
  private static let mostSampled = 1000

  func train(on table: SelectionTable, _ context: TrainingContext) -> any TableModel {
    let ranks = RankedFeatures(table.instances)
    let places = ranks.places(table.instances)
    let losses = table.completed(table.losses)
    let count = table.algorithmCount
    let most = min(Self.neighbourCounts.last!, table.instanceCount - 1)
    // regrets[k]: loss of what the k nearest others would have chosen; a sample of the instances is enough to choose k.
    let stride = max(1, table.instanceCount / Self.mostSampled)
    let sample = Swift.stride(from: 0, to: table.instanceCount, by: stride).map { $0 }
    let regrets = ParallelLoop.map(count: sample.count, threadCount: context.threadCount) { index in
      let instance = sample[index]
      let near = Model.nearest(places[instance], places, most: most, leaving: instance)
      let candidates = table.candidates(of: instance)
      return Self.neighbourCounts.map { k in
        let scores = Model.mean(near.prefix(k), losses, count)
        return candidates.min { scores[$0] < scores[$1] }.map { table.loss(instance, $0) } ?? 0
      }
    }
    let totals = Self.neighbourCounts.indices.map { k in regrets.reduce(0) { $0 + $1[k] } }
    let best = totals.indices.min { totals[$0] < totals[$1] }!
    return Model(ranks: ranks, places: places, losses: losses, count: count, neighbours: Self.neighbourCounts[best])
  }

  private struct Model: TableModel {
    let ranks: RankedFeatures
    let places: [[Float]]
    let losses: [Double]
    let count: Int
    let neighbours: Int

    func scores(of instance: ArraySlice<Float>, among candidates: [Int]) -> [Double] {
      let near = Self.nearest(ranks.place(instance), places, most: neighbours, leaving: nil)
      let means = Self.mean(near[...], losses, count)
      return candidates.map { means[$0] }
    }

    static func nearest(
      _ place: [Float], _ places: [[Float]], most: Int, leaving: Int?
    ) -> [(instance: Int, distance: Float)] {
      var near: [(instance: Int, distance: Float)] = []
      guard most > 0 else { return near }
      for instance in places.indices where instance != leaving {
        let distance = RankedFeatures.squaredDistance(place, places[instance])
        guard near.count < most || distance < near[near.count - 1].distance else { continue }
        if near.count == most { near.removeLast() }
        // Behind those as near: of equal distances the earlier instance comes first.
        let at = near.lastIndex { $0.distance <= distance }.map { $0 + 1 } ?? 0
        near.insert((instance, distance), at: at)
      }
      return near.map { ($0.instance, $0.distance.squareRoot()) }
    }

    /// Weights fall with the distance, relative to that of the farthest of the neighbours.
    static func mean(
      _ near: ArraySlice<(instance: Int, distance: Float)>, _ losses: [Double], _ count: Int
    ) -> [Double] {
      let scale = Double(near.last?.distance ?? 0) + 1e-6
      var (sums, weights) = ([Double](repeating: 0, count: count), 0.0)
      for (instance, distance) in near {
        let weight = 1 / (0.1 + Double(distance) / scale)
        weights += weight
        for algorithm in 0..<count { sums[algorithm] += weight * losses[instance * count + algorithm] }
      }
      return sums.map { $0 / max(weights, .leastNormalMagnitude) }
    }
  }
}

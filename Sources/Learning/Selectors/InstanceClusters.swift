/// One choice for each cluster of instances (Kadioglu, Malitsky, Sellmann, Tierney: ISAC, 2010). Clusters by k-means;
/// how many is chosen by cross-validation on the training instances, where ISAC asks g-means.
struct InstanceClusters: TableSelector {
  let name = "clusters"
  let summary = "k-means clusters of instances, the lowest mean loss in each; k chosen by cross-validation"

  private static let clusterCounts = [1, 2, 4, 8, 16, 32]

  func train(on table: SelectionTable, _ context: TrainingContext) -> any TableModel {
    let folds = Folds.random(count: table.instanceCount, folds: 5, seed: context.seed)
    let counts = Self.clusterCounts.filter { $0 == 1 || $0 * 10 <= table.instanceCount }
    let totals = counts.map { count in
      (0..<5).reduce(0.0) { sum, fold in
        let (training, test) = (folds.training(fold), folds.test(fold))
        guard !training.isEmpty else { return sum }
        let model = Self.model(table.selecting(instances: training), clusters: count, context.seed)
        return sum
          + test.reduce(0.0) { sum, instance in
            let candidates = table.candidates(of: instance)
            guard !candidates.isEmpty else { return sum }
            return sum + table.loss(instance, model.plan(for: table.instances.row(instance), among: candidates).choice)
          }
      }
    }
    let best = totals.indices.min { totals[$0] < totals[$1] }!
    return Self.model(table, clusters: counts[best], context.seed)
  }

  private static func model(_ table: SelectionTable, clusters: Int, _ seed: UInt64) -> Model {
    let ranks = RankedFeatures(table.instances)
    let places = ranks.places(table.instances)
    let (centres, members) = cluster(places, clusters, seed)
    let overall = SingleBest.meanLosses(table)
    let losses = table.completed(table.losses)
    let count = table.algorithmCount
    let scores = centres.indices.map { centre in
      let own = members.indices.filter { members[$0] == centre }
      // The overall mean weighs as five instances: a cluster of few does not trust its few.
      return (0..<count).map { algorithm in
        (own.reduce(5 * overall[algorithm]) { $0 + losses[$1 * count + algorithm] }) / Double(own.count + 5)
      }
    }
    return Model(ranks: ranks, centres: centres, losses: scores)
  }

  /// Lloyd's iterations from centres drawn as k-means++ does (Arthur and Vassilvitskii, 2007).
  private static func cluster(_ places: [[Float]], _ count: Int, _ seed: UInt64) -> (centres: [[Float]], members: [Int])
  {
    var random = RandomSource(seed: seed, stream: UInt64(count))
    var centres = [places[random.index(below: places.count)]]
    while centres.count < count {
      let distances = places.map { place in Double(centres.map { RankedFeatures.squaredDistance(place, $0) }.min()!) }
      var draw = random.unit() * distances.reduce(0, +)
      let chosen = distances.firstIndex { distance in
        draw -= distance
        return draw < 0
      }
      guard let chosen else { break }
      centres.append(places[chosen])
    }
    var members = [Int](repeating: -1, count: places.count)
    for _ in 0..<50 {
      let next = places.map { Model.nearest($0, centres) }
      if next == members { break }
      members = next
      for centre in centres.indices {
        let own = places.indices.filter { members[$0] == centre }
        guard !own.isEmpty else { continue }
        centres[centre] = centres[centre].indices.map { column in
          own.reduce(Float(0)) { $0 + places[$1][column] } / Float(own.count)
        }
      }
    }
    return (centres, members)
  }

  private struct Model: TableModel {
    let ranks: RankedFeatures
    let centres: [[Float]]
    /// `losses[cluster][algorithm]`.
    let losses: [[Double]]
    /// One cluster needs no look at the instance.
    var readsFeatures: Bool { centres.count > 1 }

    func scores(of instance: ArraySlice<Float>, among candidates: [Int]) -> [Double] {
      let cluster = centres.count == 1 ? 0 : Self.nearest(ranks.place(instance), centres)
      return candidates.map { losses[cluster][$0] }
    }

    static func nearest(_ place: [Float], _ centres: [[Float]]) -> Int {
      let distances = centres.map { RankedFeatures.squaredDistance(place, $0) }
      return distances.indices.min { distances[$0] < distances[$1] }!
    }
  }
}

@testable import Learning

/// Hand-made and generated tables for the tests.
enum Tables {
  /// Two features, `algorithmCount` algorithms; which of them is fast is decided by the first feature, the second is
  /// noise. Off its ground an algorithm is ten times slower, and times out when the noise is high.
  static func law(instances: Int, algorithmCount: Int = 3, seed: UInt64 = 1, missing: Double = 0) -> SelectionTable {
    var random = RandomSource(seed: seed)
    var (features, costs, isCensored): ([Float], [Double], [Bool]) = ([], [], [])
    for _ in 0..<instances {
      let (place, noise) = (random.unit(), random.unit())
      features += [random.unit() < missing ? .nan : Float(place), Float(noise)]
      let best = min(algorithmCount - 1, Int(place * Double(algorithmCount)))
      for algorithm in 0..<algorithmCount {
        let isOut = algorithm != best && noise > 0.7
        costs.append(isOut ? 100 : (algorithm == best ? 2 : 20) * (0.8 + 0.4 * random.unit()))
        isCensored.append(isOut)
      }
    }
    return SelectionTable(
      instances: FeatureMatrix(columns: ["place", "noise"], values: features, rowCount: instances),
      algorithms: FeatureMatrix(
        columns: ["number"], values: (0..<algorithmCount).map { Float($0) }, rowCount: algorithmCount),
      algorithmNames: (0..<algorithmCount).map { "a\($0)" }, kind: .runTime(cutoff: 100), costs: costs,
      isCensored: isCensored)
  }

  /// The same measurements with algorithms and their columns in another order: `order[new] = old`.
  static func permuted(_ table: SelectionTable, _ order: [Int]) -> SelectionTable {
    let cells = (0..<table.instanceCount).flatMap { instance in order.map { instance * table.algorithmCount + $0 } }
    return SelectionTable(
      instances: table.instances, algorithms: table.algorithms.selecting(rows: order),
      algorithmNames: order.map { table.algorithmNames[$0] }, kind: table.kind, costs: cells.map { table.costs[$0] },
      isCensored: cells.map { table.isCensored[$0] }, featureCosts: table.featureCosts)
  }

  /// Mean loss of what a model chooses on a table.
  static func meanLoss(_ model: any TableModel, _ table: SelectionTable) -> Double {
    (0..<table.instanceCount).reduce(0.0) { sum, instance in
      let candidates = table.candidates(of: instance)
      return sum + table.loss(of: model.plan(for: table.instances.row(instance), among: candidates), on: instance)
    } / Double(table.instanceCount)
  }
}

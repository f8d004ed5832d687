import Foundation

/// Extremely randomized trees with two heads for each algorithm: the probability that it does not finish, and the log of
/// its cost if it does. The score is the expected loss put together from both, PAR10 for run times.
///
/// On the scale of PAR10 time-outs drown everything else; on the scale of logarithms they look harmless. Two heads keep
/// both views, in the same trees.
struct ExpectedCostForest: TableSelector {
  let name = "expected-cost-forest"
  let summary = "extra-trees predict time-out probability and log cost together; expected loss"

  var settings = ForestSettings(
    treeCount: 120, columnShare: 1.0 / 3, leastLeafRows: 1, isBootstrapped: false, hasRandomCuts: true)

  func train(on table: SelectionTable, _ context: TrainingContext) -> any TableModel {
    let logs = table.completed(table.logCosts)
    let losses = table.completed(table.losses)
    let count = table.algorithmCount
    var heads: [Float] = []
    heads.reserveCapacity(2 * logs.count)
    // Logs are scaled to the spread of a probability, so that neither head rules the splits.
    let spread = Self.spread(logs)
    for instance in 0..<table.instanceCount {
      for algorithm in 0..<count {
        let cell = instance * count + algorithm
        switch table.kind {
        case .runTime(let cutoff, let penalty): heads.append(losses[cell] >= penalty * cutoff * 0.999 ? 1 : 0)
        case .lowest, .highest, .ratioToBest: heads.append(Float(losses[cell]))
        }
        heads.append(Float(logs[cell] / spread * 0.5))
      }
    }
    let forest = Forest(
      BinnedMatrix(table.instances), targets: heads, outputCount: 2 * count, settings: settings, seed: context.seed,
      threadCount: context.threadCount)
    return Model(forest: forest, spread: spread * 2, kind: table.kind)
  }

  private static func spread(_ values: [Double]) -> Double {
    let mean = values.reduce(0, +) / Double(max(1, values.count))
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(max(1, values.count))
    return max(variance.squareRoot(), 1e-9)
  }

  private struct Model: TableModel {
    let forest: Forest
    let spread: Double
    let kind: CostKind

    func scores(of instance: ArraySlice<Float>, among candidates: [Int]) -> [Double] {
      let heads = forest.predict(instance)
      return candidates.map { algorithm in
        let (first, log) = (Double(heads[2 * algorithm]), Double(heads[2 * algorithm + 1]) * spread)
        switch kind {
        case .runTime(let cutoff, let penalty):
          // The log head holds log10 of the cutoff where the run did not finish: take that share out again.
          let finished = 1 - first
          let finishedLog = finished > 1e-6 ? (log - first * log10(cutoff)) / finished : log
          return first * penalty * cutoff + finished * min(pow(10, finishedLog), cutoff)
        case .lowest, .highest: return first
        case .ratioToBest: return first
        }
      }
    }
  }
}

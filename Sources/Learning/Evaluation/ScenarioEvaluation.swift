/// How selectors do on a scenario's folds: normalised loss between the virtual best (0) and the single best (1).
///
/// The single best is chosen on the training folds. Instances that nobody solves are left out of the tests. A fold
/// whose single best is as good as the virtual best has no score.
public struct ScenarioEvaluation: Sendable {
  /// Mean loss over the folds of always taking the single best of the training folds.
  public let singleBestLoss: Double
  /// Mean loss over the folds of always taking the best.
  public let virtualBestLoss: Double
  /// `singleBest[fold]`, `virtualBest[fold]`: mean loss; nil for a fold without test instances.
  private let singleBest: [Double?]
  private let virtualBest: [Double?]
  private let scenario: ASlibScenario

  public init(_ scenario: ASlibScenario) {
    self.scenario = scenario
    let table = scenario.table
    var (single, virtual): ([Double?], [Double?]) = ([], [])
    for fold in 0..<scenario.folds.count {
      let test = Self.tested(scenario, fold)
      guard !test.isEmpty else {
        single.append(nil)
        virtual.append(nil)
        continue
      }
      let means = SingleBest.meanLosses(table.selecting(instances: scenario.folds.training(fold)))
      single.append(
        Self.mean(test) { instance in
          let best = table.candidates(of: instance).min { means[$0] < means[$1] }!
          return table.loss(instance, best)
        })
      virtual.append(
        Self.mean(test) { instance in table.candidates(of: instance).map { table.loss(instance, $0) }.min()! })
    }
    (singleBest, virtualBest) = (single, virtual)
    singleBestLoss = Self.mean(single.compactMap { $0 }) { $0 }
    virtualBestLoss = Self.mean(virtual.compactMap { $0 }) { $0 }
  }

  /// One selector with one seed.
  public struct Score: Hashable, Sendable {
    public let selector: String
    public let seed: UInt64
    /// nPAR10 for run times, otherwise the same with the mean loss; nil where it is not defined.
    public let folds: [Double?]
    /// Over the folds that have a score; nil when none has.
    public var mean: Double? {
      let known = folds.compactMap { $0 }
      return known.isEmpty ? nil : known.reduce(0, +) / Double(known.count)
    }
    public var undefinedFoldCount: Int { folds.count { $0 == nil } }
  }

  /// Trains and tests each selector with each seed on every fold; seeds within selectors, in their order. Blocks, and
  /// uses the threads it is given.
  public func scores(_ selectors: [any TableSelector], seeds: [UInt64], threadCount: Int) -> [Score] {
    let (foldCount, seedCount) = (scenario.folds.count, seeds.count)
    let scores = ParallelLoop.map(count: selectors.count * seedCount * foldCount, threadCount: threadCount) { index in
      score(
        selectors[index / foldCount / seedCount], seed: seeds[index / foldCount % seedCount], fold: index % foldCount)
    }
    return selectors.indices.flatMap { selector in
      seeds.indices.map { seed in
        let first = (selector * seedCount + seed) * foldCount
        return Score(
          selector: selectors[selector].name, seed: seeds[seed], folds: Array(scores[first..<first + foldCount]))
      }
    }
  }

  private func score(_ selector: any TableSelector, seed: UInt64, fold: Int) -> Double? {
    guard singleBest[fold] != nil else { return nil }
    let table = scenario.table
    let training = table.selecting(instances: scenario.folds.training(fold))
    let model = selector.train(on: training, TrainingContext(seed: seed &+ UInt64(fold) << 32))
    let loss = Self.mean(Self.tested(scenario, fold)) { instance in
      table.loss(
        of: model.plan(for: table.instances.row(instance), among: table.candidates(of: instance)), on: instance)
    }
    return normalize(fold, loss)
  }

  func normalize(_ fold: Int, _ loss: Double) -> Double? {
    guard let single = singleBest[fold], let virtual = virtualBest[fold] else { return nil }
    return Self.normalized(loss, single: single, virtual: virtual)
  }

  /// 0 for the virtual best, 1 for the single best, more for worse than not selecting; nil when the two are the same.
  static func normalized(_ loss: Double, single: Double, virtual: Double) -> Double? {
    let gap = single - virtual
    return gap > 1e-12 * max(abs(single), abs(virtual)) ? (loss - virtual) / gap : nil
  }

  private static func tested(_ scenario: ASlibScenario, _ fold: Int) -> [Int] {
    scenario.folds.test(fold).filter { scenario.isSolvable[$0] && !scenario.table.candidates(of: $0).isEmpty }
  }

  private static func mean<Element>(_ elements: [Element], _ value: (Element) -> Double) -> Double {
    elements.reduce(0) { $0 + value($1) } / Double(max(1, elements.count))
  }
}

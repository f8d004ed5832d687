import Glibc
public import Serving
import XGBoost

/// Trains a selector on measurements.
///
/// Blocks its thread for as long as it takes (measured with one thread: 0.8 CPU-seconds for 300 measurements, 2.5 for
/// 10,000 in 90 contexts): run it in a process of its own, or on a thread that may block.
public enum SelectorTrainer {
  /// Below this there is nothing to learn that the measurements do not say themselves.
  public static let leastMeasurements = 8
  /// - Parameters:
  ///   - measurements: in the order stored; raw samples are not looked at.
  ///   - models: further models of the history, so that weight variants and drafts that configurations name are known.
  ///   - threadCount: for XGBoost.
  ///   - outvotes: whether to leave out what the other measurements contradict (`Outvoting`).
  /// - Throws: `badInput` when there is too little to learn from.
  public static func train(
    _ measurements: [Measurement], models: [ModelProfile] = [], threadCount: Int = 1, outvotes: Bool = true
  ) throws(ApusError) -> TrainedModelFile {
    precondition(threadCount >= 1, "\(threadCount) threads")
    let outvoting = outvotes ? Outvoting(measurements, models: models) : nil
    let measurements = outvoting?.believed(measurements) ?? measurements
    let set = TrainingSet(measurements, models: models)
    let refused = set.evidence.refusedCount + (outvoting?.count ?? 0)
    guard set.evidence.measurementCount >= leastMeasurements else {
      throw ApusError(
        .badInput,
        "\(set.evidence.measurementCount) usable measurements are too few to train on"
          + (refused == 0 ? "" : ", and \(refused) have figures that cannot be true"),
        advice: "measure first: apus benchmark --model M --workload W")
    }
    let conformal = CrossConformal(CostLearner(cells: set.cells, threadCount: threadCount))
    let repeats = RepeatedTrials(measurements, set)
    var trees: [UInt8] = []
    var metrics: [SelectorFile.Metric] = []
    var regrets: [UInt64: Double] = [:]
    do {
      for metric in CostMetric.allCases {
        metrics.append(try train(metric, set, conformal, repeats, into: &trees, &regrets))
      }
    } catch {
      throw ApusError(.bug, "XGBoost refused the training set: \(error)")
    }
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return try TrainedModelFile(
      SelectorFile(
        header: SelectorFile.Header(
          encoderVersion: FeatureEncoder.version, columnsDigest: FeatureEncoder.digest,
          rowCount: set.evidence.measurementCount, refusedCount: refused,
          contextCount: set.pairedContextCount,
          trainedAtMS: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000,
          knownPairs: set.knownPairs, knownModels: set.knownModels,
          // Before and after a change on a node a context is one.
          contexts: Set(set.contextHashes.values).sorted().map { SelectorFile.Context(hash: $0, regret: regrets[$0]) },
          metrics: metrics),
        trees: trees))
  }

  private static func train(
    _ metric: CostMetric, _ set: TrainingSet, _ conformal: CrossConformal, _ repeats: RepeatedTrials,
    into trees: inout [UInt8], _ regrets: inout [UInt64: Double]
  ) throws(XGBoostError) -> SelectorFile.Metric {
    let learned = try conformal.learner.learn(metric, Array(set.cells.cells.indices))
    let near = try conformal.unseen(metric, by: \.context)
    let known = near.map { conformal.spread($0) } ?? .unknown
    func far(_ group: KeyPath<MeasuredCells.Cell, Int32>) throws(XGBoostError) -> Spread {
      let unseen = try conformal.unseen(metric, by: group)
      return (unseen.map { conformal.spread($0) } ?? known.atLeast(.unknown).widened(by: Calibration.farFactor))
        .atLeast(known)
    }
    let newHardware = try far(\.hardware)
    let newModel = try far(\.model)
    if metric == .e2e, let near {
      // After a change on a node a context has a higher number: what holds since then counts.
      for (context, regret) in conformal.regrets(near).sorted(by: { $0.key < $1.key }) {
        if let hash = set.contextHashes[context] { regrets[hash] = regret }
      }
    }
    func append(_ bytes: [UInt8]?) -> Range<Int> {
      let start = trees.count
      trees += bytes ?? []
      return start..<trees.count
    }
    return SelectorFile.Metric(
      name: metric.name, rooflineTrust: learned.rooflineTrust, known: known, newHardware: newHardware,
      newModel: newModel, measuredCostFactor: near.flatMap { repeats.costFactor($0, known, set.cells) } ?? 1,
      levelTrees: append(learned.levelTrees), ratioTrees: append(learned.ratioTrees))
  }
}

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
  /// Rows that errors are estimated on; more only cost time.
  static let mostCalibrationRows = 4000
  /// The roofline's ratios are trusted this much, as if it had been seen in this many rows, before any is.
  private static let trust = (prior: 0.7, rows: 2.0)

  /// - Parameters:
  ///   - measurements: in the order stored; raw samples are not looked at.
  ///   - models: further models of the history, so that weight variants and drafts that configurations name are known.
  ///   - threadCount: for XGBoost.
  /// - Throws: `badInput` when there is too little to learn from.
  public static func train(
    _ measurements: [Measurement], models: [ModelProfile] = [], threadCount: Int = 1
  ) throws(ApusError) -> TrainedModelFile {
    precondition(threadCount >= 1, "\(threadCount) threads")
    var set = TrainingSet(measurements, models: models)
    guard set.evidence.measurementCount >= leastMeasurements else {
      let refused = set.evidence.refusedCount
      throw ApusError(
        .badInput,
        "\(set.evidence.measurementCount) usable measurements are too few to train on"
          + (refused == 0 ? "" : ", and \(refused) have figures that cannot be true"),
        advice: "measure first: apus benchmark --model M --workload W")
    }
    let training = TreeTraining(columnCount: FeatureEncoder.columns.count, threadCount: threadCount)
    var trees: [UInt8] = []
    var metrics: [SelectorFile.Metric] = []
    var regrets: [UInt64: Double] = [:]
    do {
      for metric in CostMetric.allCases {
        metrics.append(try train(metric, &set, training, into: &trees, &regrets))
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
          rowCount: set.evidence.measurementCount, refusedCount: set.evidence.refusedCount,
          contextCount: set.pairedContextCount,
          trainedAtMS: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000,
          knownPairs: set.knownPairs,
          // Before and after a change on a node a context is one.
          contexts: Set(set.contextHashes.values).sorted().map { SelectorFile.Context(hash: $0, regret: regrets[$0]) },
          metrics: metrics),
        trees: trees))
  }

  private static func train(
    _ metric: CostMetric, _ set: inout TrainingSet, _ training: TreeTraining, into trees: inout [UInt8],
    _ regrets: inout [UInt64: Double]
  ) throws(XGBoostError) -> SelectorFile.Metric {
    // Ratios: the trees learn what the roofline's ratio, taken as far as it proved right, leaves over.
    var ratios = set.ratios[metric.rawValue]
    let rooflines = set.rooflineRatios[metric.rawValue]
    let trust = rooflineTrust(ratios, rooflines)
    for row in 0..<ratios.count { ratios.targets[row] -= Float(trust * rooflines[row]) }
    let ratioTrees = try training.fit(ratios)

    let waiting = set.indirect[metric.rawValue]
    let corrections = try training.predict(ratioTrees, waiting.flatMap(\.row))
    set.addIndirectLevels(
      metric, ratios: zip(waiting, corrections).map { trust * $0.rooflineRatio + $1 })
    let levels = set.levels[metric.rawValue]
    let levelTrees = try training.fit(levels)

    let ratioErrors = try deviations(ratios, training, unknown: Calibration.unknownRatio)
    let levelErrors = try deviations(levels, training, unknown: Calibration.unknownLevel)
    if metric == .e2e, let unseen = ratioErrors.unseen {
      for (context, regret) in regretsUnseen(unseen, rooflines: rooflines, trust: trust) {
        if let hash = set.contextHashes[Int32(context)] { regrets[hash] = regret }
      }
    }
    func append(_ bytes: [UInt8]?) -> Range<Int> {
      let start = trees.count
      trees += bytes ?? []
      return start..<trees.count
    }
    return SelectorFile.Metric(
      name: metric.name, rooflineTrust: trust, levelNear: levelErrors.near, levelFar: levelErrors.far,
      ratioNear: ratioErrors.near, ratioFar: ratioErrors.far, levelTrees: append(levelTrees),
      ratioTrees: append(ratioTrees))
  }

  /// Least squares through the origin, pulled to the prior.
  private static func rooflineTrust(_ rows: ForestRows, _ rooflines: [Double]) -> Double {
    var products = trust.prior * trust.rows * TrainingSet.modelVariance
    var squares = trust.rows * TrainingSet.modelVariance
    for row in 0..<rows.count {
      let weight = Double(rows.weights[row])
      products += weight * Double(rows.targets[row]) * rooflines[row]
      squares += weight * rooflines[row] * rooflines[row]
    }
    return min(1, max(0, products / squares))
  }

  /// Rows with what was predicted for them without their context.
  private struct Unseen {
    var rows: ForestRows
    /// Where each row is in the whole table.
    var places: [Int]
    var predictions: [Double]
  }

  /// For each context, how much more the candidate costs that would have been chosen there unseen than the best that
  /// was measured; a logarithm, at least 0.
  private static func regretsUnseen(_ unseen: Unseen, rooflines: [Double], trust: Double) -> [Int: Double] {
    // The default is always a choice, at 0.
    var chosen: [Int: (predicted: Double, cost: Double)] = [:]
    var best: [Int: Double] = [:]
    for (row, place) in unseen.places.enumerated() {
      let context = unseen.rows.contexts[row]
      let roofline = trust * rooflines[place]
      let predicted = unseen.predictions[row] + roofline
      let cost = Double(unseen.rows.targets[row]) + roofline
      if predicted < (chosen[context]?.predicted ?? 0) { chosen[context] = (predicted, cost) }
      best[context] = min(best[context] ?? 0, cost)
    }
    return Dictionary(uniqueKeysWithValues: best.map { ($0, (chosen[$0]?.cost ?? 0) - $1) })
  }

  /// How far off the trees are in new workloads of known models and hardware, and with new models or hardware.
  private static func deviations(
    _ rows: ForestRows, _ training: TreeTraining, unknown: Double
  ) throws(XGBoostError) -> (near: Double, far: Double, unseen: Unseen?) {
    let stride = max(1, (rows.count + mostCalibrationRows - 1) / mostCalibrationRows)
    // Whole contexts are taken or left, so that the remaining ones look like the history.
    let places = (0..<rows.count).filter { rows.contexts[$0] % stride == 0 }
    let sample = rows.subset({ rows.contexts[$0] % stride == 0 }, columnCount: training.columnCount)
    func deviation(_ predictions: [Double]?, groups: [Int]) -> Double? {
      predictions.flatMap { predictions in
        Calibration.deviation(
          zip(sample.targets, predictions).map { Double($0) - $1 }, groupCount: Set(groups).count)
      }
    }
    let near = try training.outOfFoldPredictions(sample, groups: sample.contexts, leastGroups: 3)
    let far = try training.outOfFoldPredictions(sample, groups: sample.pairs, leastGroups: 3)
    let nearDeviation = deviation(near, groups: sample.contexts) ?? unknown
    let farDeviation =
      deviation(far, groups: sample.pairs) ?? max(unknown, nearDeviation) * Calibration.farFactor
    // A new model cannot be foreseen better than a known one.
    return (
      nearDeviation, max(nearDeviation, farDeviation),
      near.map { Unseen(rows: sample, places: places, predictions: $0) }
    )
  }
}

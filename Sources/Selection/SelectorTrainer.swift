import Glibc
public import Learning
public import Serving

/// Trains a selector on measurements.
///
/// Blocks its thread for as long as it takes (measured with one thread: 0.8 CPU-seconds for 300 measurements, 2.5 for
/// 10,000 in 90 contexts): run it in a process of its own, or on a thread that may block.
public enum SelectorTrainer {
  /// Below this there is nothing to learn that the measurements do not say themselves.
  public static let leastMeasurements = 8
  /// What regressors are made of (`apus-benchmarks learners` compares the others).
  public static let members: [BlendedRegressor.Member] = [.boosted]

  /// - Parameters:
  ///   - measurements: in the order stored; raw samples are not looked at.
  ///   - models: further models of the history, so that weight variants and drafts that configurations name are known.
  ///   - members: what regressors are made of.
  ///   - threadCount: how many parts of it are trained beside each other; the result is the same.
  ///   - outvotes: whether to leave out what the other measurements contradict (`Outvoting`).
  /// - Throws: `badInput` when there is too little to learn from.
  public static func train(
    _ measurements: [Measurement], models: [ModelProfile] = [],
    members: [BlendedRegressor.Member] = SelectorTrainer.members, threadCount: Int = 1, outvotes: Bool = true
  ) throws(ApusError) -> TrainedModelFile {
    precondition(threadCount >= 1, "\(threadCount) threads")
    let outvoting = outvotes ? Outvoting(measurements, models: models) : nil
    let measurements = outvoting?.believed(measurements) ?? measurements
    let set = TrainingSet(measurements, models: models)
    let refused = set.evidence.refusedCount + (outvoting?.count ?? 0)
    let incomplete = set.evidence.incompleteCount
    guard set.evidence.measurementCount >= leastMeasurements else {
      throw ApusError(
        .badInput,
        "\(set.evidence.measurementCount) usable measurements are too few to train on"
          + (incomplete == 0 ? "" : ", \(incomplete) lack a figure such as the time to the first token")
          + (refused == 0 ? "" : ", and \(refused) have figures that cannot be true"),
        advice: "measure first: apus benchmark --model M --workload W")
    }
    let conformal = CrossConformal(
      CostLearner(cells: set.cells, settings: BlendedRegressor.Settings(members: members)))
    let repeats = RepeatedTrials(measurements, set)
    let lessons = lessons(conformal, threadCount: threadCount)
    var trees: [UInt8] = []
    let metrics = CostMetric.allCases.map { figures(lessons[$0.rawValue], $0, conformal, repeats, into: &trees) }
    let regrets = regrets(lessons[CostMetric.e2e.rawValue], set, conformal)
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return try TrainedModelFile(
      SelectorFile(
        header: SelectorFile.Header(
          encoderVersion: FeatureEncoder.version, columnsDigest: FeatureEncoder.digest,
          rowCount: set.evidence.measurementCount, refusedCount: refused + incomplete,
          contextCount: set.pairedContextCount,
          trainedAtMS: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000,
          knownPairs: set.knownPairs, knownModels: set.knownModels, knownHardware: set.knownHardware,
          // Before and after a change on a node a context is one.
          contexts: Set(set.contextHashes.values).sorted().map { SelectorFile.Context(hash: $0, regret: regrets[$0]) },
          metrics: metrics),
        trees: trees))
  }

  /// What is trained of one metric: what serves, and what was foreseen of cells left out by context, hardware and model.
  private struct Lesson {
    var learned: CostLearner.Learned
    var unseen: [CrossConformal.Grouping: CrossConformal.Unseen]
  }

  /// One for each metric. Their parts are trained beside each other, each on one thread: trees on a few thousand rows are
  /// done before several threads have met at a barrier.
  private static func lessons(_ conformal: CrossConformal, threadCount: Int) -> [Lesson] {
    let metrics = CostMetric.allCases
    let all = Array(conformal.learner.cells.cells.indices)
    // The largest first.
    let learned = ParallelLoop.map(count: metrics.count, threadCount: threadCount) {
      conformal.learner.learn(metrics[$0], all)
    }
    let groupings = CrossConformal.Grouping.allCases
    let unseen = ParallelLoop.map(count: metrics.count * groupings.count, threadCount: threadCount) {
      conformal.unseen(metrics[$0 / groupings.count], by: groupings[$0 % groupings.count])
    }
    return metrics.indices.map { metric in
      var lesson = Lesson(learned: learned[metric], unseen: [:])
      for (place, grouping) in groupings.enumerated() {
        lesson.unseen[grouping] = unseen[metric * groupings.count + place]
      }
      return lesson
    }
  }

  private static func figures(
    _ lesson: Lesson, _ metric: CostMetric, _ conformal: CrossConformal, _ repeats: RepeatedTrials,
    into trees: inout [UInt8]
  ) -> SelectorFile.Metric {
    let near = lesson.unseen[.context]
    let known = near.map { conformal.spread($0) } ?? .unknown
    func far(_ grouping: CrossConformal.Grouping) -> Spread {
      (lesson.unseen[grouping].map { conformal.spread($0) }
        ?? known.atLeast(.unknown).widened(by: Calibration.farFactor)).atLeast(known)
    }
    func append(_ bytes: [UInt8]) -> Range<Int> {
      let start = trees.count
      trees += bytes
      return start..<trees.count
    }
    return SelectorFile.Metric(
      name: metric.name, rooflineTrust: lesson.learned.rooflineTrust, levelOffset: lesson.learned.levelOffset,
      newHardwareAnswer: lesson.unseen[.hardware]?.answer ?? .untestedHardware,
      newModelAnswer: lesson.unseen[.model]?.answer ?? .untestedModel,
      known: known, newHardware: far(.hardware),
      newModel: far(.model),
      measuredCostFactor: near.flatMap { repeats.costFactor($0, known, conformal.learner.cells) } ?? 1,
      levelTrees: append(lesson.learned.level?.bytes ?? []), ratioTrees: append(lesson.learned.ratio?.bytes ?? []),
      effects: append(PooledEffects(lesson.learned.effects, keys: conformal.learner.cells.effectKeys).bytes))
  }

  /// What its choices in each context cost when they were not trained on it, by `TrainingSet.contextHash`.
  private static func regrets(
    _ lesson: Lesson, _ set: TrainingSet, _ conformal: CrossConformal
  ) -> [UInt64: Double] {
    guard let near = lesson.unseen[.context] else { return [:] }
    var regrets: [UInt64: Double] = [:]
    // After a change on a node a context has a higher number: what holds since then counts.
    for (context, regret) in conformal.regrets(near).sorted(by: { $0.key < $1.key }) {
      if let hash = set.contextHashes[context] { regrets[hash] = regret }
    }
    return regrets
  }
}

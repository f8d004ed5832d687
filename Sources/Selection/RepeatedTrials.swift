import Serving

/// Contexts that were measured in several trials: how far a later trial lies from what was believed after the earlier
/// ones says how much an interval around measurements must hold.
struct RepeatedTrials {
  /// Latest trials of a context that are looked at: thousands of jobs of one shape say no more.
  private static let mostTrials = 20
  /// What repeats itself exactly, as memory often does, may still change with the engine's next version.
  private static let leastFactor = 0.1

  /// What one trial found of one configuration, and what was known of it before.
  private struct Finding {
    var context: Int32
    var configuration: Int32
    var costs: LogCosts
    var own: DirectEvidence
    var baseline: DirectEvidence
  }

  private var findings: [Finding] = []
  private let noise: EvidenceIndex

  /// - Parameter set: made of the same measurements.
  init(_ measurements: [Measurement], _ set: TrainingSet) {
    noise = set.evidence
    var contexts: [Int32: [(trial: TrialID?, blocks: [Measurement])]] = [:]
    for measurement in measurements where measurement.outcome.metrics != nil {
      let place = set.evidence.context(
        model: measurement.model.id, hardware: measurement.hardware, workload: measurement.workload)
      guard let context = place.exact, set.contextHashes[context] != nil else { continue }
      let trial = Self.trial(measurement)
      if let trial, let last = contexts[context]?.lastIndex(where: { $0.trial == trial }) {
        contexts[context]![last].blocks.append(measurement)
      } else {
        contexts[context, default: []].append((trial, [measurement]))
      }
    }
    for (context, trials) in contexts.sorted(by: { $0.key < $1.key }) where trials.count > 1 {
      add(context, trials.suffix(Self.mostTrials).map(\.blocks))
    }
  }

  /// Nil for what is a trial of its own.
  private static func trial(_ measurement: Measurement) -> TrialID? {
    if case .trial(let trial, _, _, _) = measurement.source { trial } else { nil }
  }

  private mutating func add(_ context: Int32, _ trials: [[Measurement]]) {
    var index = EvidenceIndex()
    for blocks in trials {
      let first = blocks[0]
      // As the worker's node knew it: a change on it in between is no error.
      func known(_ configuration: EngineConfiguration) -> DirectEvidence {
        let contexts = index.contexts(
          model: first.model, hardware: first.hardware, worker: first.worker, engine: configuration.engine,
          workload: first.workload)
        return index.evidence(contexts, configuration)
      }
      for (key, blocks) in Dictionary(grouping: blocks, by: { ConfigurationKey($0.configuration) }) {
        let configuration = blocks[0].configuration
        let own = known(configuration)
        guard own.count > 0, let number = noise.configuration(configuration) else { continue }
        let costs = blocks.compactMap { $0.outcome.metrics.flatMap(MeasuredCosts.read) }
        guard !costs.isEmpty else { continue }
        findings.append(
          Finding(
            context: context, configuration: number,
            costs: LogCosts(costs.reduce(SIMD8.zero) { $0 + $1.lanes } / Float(costs.count)), own: own,
            baseline: known(EngineConfiguration(engine: key.engine))))
      }
      for block in blocks { index.insert(block) }
    }
  }

  /// What the deviation of a measured cost is multiplied by; nil with too few contexts to say.
  ///
  /// - Parameters:
  ///   - unseen: what was foreseen without the context, with its spread: where belief began.
  func costFactor(_ unseen: CrossConformal.Unseen, _ spread: Spread, _ cells: MeasuredCells) -> Double? {
    struct Key: Hashable {
      var context: Int32
      var configuration: Int32
    }
    let places = Dictionary(
      uniqueKeysWithValues: unseen.places.enumerated().map { index, place in
        (Key(context: cells.cells[place].context, configuration: cells.cells[place].configuration), index)
      })
    let answers = unseen.foreseen
    var (scores, groups): ([Double], [Int32]) = ([], [])
    for finding in findings {
      guard let index = places[Key(context: finding.context, configuration: finding.configuration)] else { continue }
      let measured = finding.costs[unseen.metric]
      guard !measured.isNaN, finding.own.level(unseen.metric, in: noise) != nil else { continue }
      let (cell, foreseen) = (cells.cells[unseen.places[index]], answers[index])
      let belief = Posterior(
        level: LogEstimate(mean: foreseen.level, variance: spread.level * spread.level),
        prior: cell.isBaseline ? nil : LogEstimate(mean: foreseen.ratio, variance: spread.ratio * spread.ratio),
        own: finding.own, baseline: finding.baseline, unseen.metric, noise: noise)
      scores.append((measured - belief.cost.mean) / belief.cost.variance.squareRoot())
      groups.append(finding.context)
    }
    guard Set(groups).count >= Calibration.leastGroups else { return nil }
    return Calibration.size(scores, groups: groups).map { max(Self.leastFactor, $0 / LogEstimate.quantile95) }
  }
}

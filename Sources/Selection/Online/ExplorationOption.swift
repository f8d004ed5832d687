public import Serving

/// What a job could try in place of what is believed best, and what is believed of it: logarithms of the objective's
/// cost, failures counted ten times in the manner of PAR10 (`Posterior`), as training counts them too.
///
/// Two parts, because all that runs on one worker and engine shares its default's cost: only ratios tell those apart.
public struct ExplorationOption: Hashable, Sendable {
  public var worker: WorkerName
  public var candidate: Candidate
  public var predicted: PredictedMetrics
  /// Equal for options that share their default's cost; one whose own cost is known from jobs shares none.
  public var group: Int
  /// The default's cost, or the whole cost of one known from jobs; prices included where money is the objective.
  public var level: LogEstimate
  /// The cost over the default's.
  public var ratio: LogEstimate
  /// Whether a limited latency may be over its limit: the upper end of its 90% interval is.
  public var isTight: Bool
  /// Seconds until an engine with this configuration is loaded; 0 for one that is, or that somebody else runs.
  public var loadSeconds: Double

  public init(
    worker: WorkerName, candidate: Candidate, predicted: PredictedMetrics = PredictedMetrics(), group: Int,
    level: LogEstimate, ratio: LogEstimate, isTight: Bool = false, loadSeconds: Double = 0
  ) {
    self.worker = worker
    self.candidate = candidate
    self.predicted = predicted
    self.group = group
    self.level = level
    self.ratio = ratio
    self.isTight = isTight
    self.loadSeconds = loadSeconds
  }

  /// Nil for a candidate that cannot be compared with the others.
  init?(_ entry: RankingEntry, _ judge: SetJudge, described: RankedCandidate, slos: [SLO]) {
    guard let posterior = entry.posterior, let scale = entry.scale, scale.incomparable == nil else { return nil }
    // What jobs tell of a strategy they tell of its cost, not of how much of it is the default's.
    let isKnown = judge.evidence[entry.row].jobCount > 0
    let level = isKnown ? posterior.cost : posterior.level
    self.init(
      worker: described.worker, candidate: described.candidate, predicted: described.predicted,
      group: entry.set << 32 | (isKnown ? entry.row : 0),
      level: LogEstimate(mean: level.mean + scale.offset, variance: level.variance),
      ratio: isKnown ? .zero : posterior.ratio,
      isTight: slos.contains { judge.upperPercentile(entry.row, $0) > $0.limitMS },
      loadSeconds: judge.set.isAttached ? 0 : Self.loadSeconds(judge, entry.row))
  }

  /// An engine's start and the reading of its weights. Chosen: llama.cpp starts in half a second, and a page cache or an
  /// SSD gives a gigabyte in a second; a cold disk is slower.
  private static func loadSeconds(_ judge: SetJudge, _ row: Int) -> Double {
    let estimate = judge.table.estimates[row]
    return 1 + Double(estimate.weightBytes + (estimate.draftWeightBytes ?? 0)) / 1e9
  }
}

extension SetJudge {
  /// A percentile of a latency at the upper end of its mean's 90% interval, in milliseconds; infinite when it is not
  /// foreseen.
  func upperPercentile(_ row: Int, _ slo: SLO) -> Double {
    guard let value = percentile(row, slo), let cost = posterior(row, slo.metric.cost)?.cost else { return .infinity }
    return slo.metric.cost.value(logCost: cost.interval.upperBound - cost.mean) * value
  }
}

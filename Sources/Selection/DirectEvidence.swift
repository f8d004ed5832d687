import Serving

/// What the index holds of one configuration in one context.
struct DirectEvidence: Sendable {
  /// Completed measurements of exactly this context.
  var count = 0
  /// Of exactly this context, and of jobs of similar lengths.
  var failures = 0
  /// Rounds in which it ran in turns with the default, here or (when `isNear`) in a similar shape.
  var pairCount = 0
  var isNear = false
  /// Completed jobs of similar lengths.
  var jobCount = 0
  /// Why some of it counts for less; nil when all of it holds.
  var change: KnowledgeChange?
  fileprivate var level: Part?
  fileprivate var pairs: Part?
  fileprivate var jobs: Part?
  /// What a job's lengths cost at the machine's best: added to what is known of `jobs`.
  fileprivate var scale = SIMD8<Float>.zero

  fileprivate struct Part: Sendable {
    var moments: RunningMoments
    var isStale = false
  }

  /// Times it was tried and completed, in whatever way.
  var successCount: Int { max(count, jobCount) }

  /// What stays uncertain however often a context is measured: the machine's drift between hours for a duration, other
  /// prompts for a ratio, other lengths for what comes from a similar shape. Memory does not drift.
  private static let levelFloor = 0.08
  private static let memoryFloor = 0.01
  private static let ratioFloor = 0.02
  private static let nearFloor = 0.10
  /// What a change on the node may have done since: durations double, ratios to the default, which changed as well, go
  /// by a tenth. And however often it was measured before, it counts as one measurement (Kass, Wasserman 1995: a prior
  /// worth one observation).
  static let levelChange = 0.7
  static let ratioChange = 0.1

  /// Logarithm of the cost itself.
  func level(_ metric: CostMetric, in index: EvidenceIndex) -> LogEstimate? {
    Self.estimate(
      level, metric, index.levelNoise, floor: metric == .memory ? Self.memoryFloor : Self.levelFloor,
      change: Self.levelChange)
  }

  /// Logarithm of the cost over the default's.
  func ratio(_ metric: CostMetric, in index: EvidenceIndex) -> LogEstimate? {
    Self.estimate(
      pairs, metric, index.pairNoise, floor: isNear ? Self.nearFloor : Self.ratioFloor, change: Self.ratioChange)
  }

  /// Logarithm of the cost, from jobs of similar lengths.
  func jobs(_ metric: CostMetric, in index: EvidenceIndex) -> LogEstimate? {
    var estimate = Self.estimate(jobs, metric, index.jobNoise, floor: Self.nearFloor, change: Self.levelChange)
    estimate?.mean += Double(scale[metric.rawValue])
    return estimate
  }

  private static func estimate(
    _ part: Part?, _ metric: CostMetric, _ noise: PooledNoise, floor: Double, change: Double
  ) -> LogEstimate? {
    guard let part, part.moments.count > 0 else { return nil }
    let mean = Double(part.moments.mean[metric.rawValue])
    guard !mean.isNaN else { return nil }
    let variance =
      part.isStale ? noise.variance(metric) + change * change : noise.varianceOfMean(part.moments, metric)
    return LogEstimate(mean: mean, variance: variance + floor * floor)
  }

  /// Fills what is missing with what was known before a change.
  fileprivate mutating func fill(with former: DirectEvidence, because change: KnowledgeChange?) {
    func stale(_ part: Part?) -> Part? { part.map { Part(moments: $0.moments, isStale: true) } }
    if level == nil, let old = stale(former.level) {
      (level, count) = (old, former.count)
      self.change = change
    }
    if jobs == nil, let old = stale(former.jobs) {
      (jobs, jobCount) = (old, former.jobCount)
      self.change = change
    }
    if pairs == nil, let old = stale(former.pairs) {
      (pairs, pairCount, isNear) = (old, former.pairCount, former.isNear)
      self.change = change
    }
    // What failed whenever it was tried may work now; what failed at times may again.
    if failures == 0, former.successCount > 0 { failures = min(1, former.failures) }
  }
}

extension EvidenceIndex {
  func evidence(_ context: Context, _ configuration: Int32?) -> DirectEvidence {
    var evidence = DirectEvidence()
    guard let configuration else { return evidence }
    if let place = context.exact, let cell = exact.cell(place, configuration) {
      evidence.count = Int(cell.level.count)
      evidence.failures = Int(cell.failures)
      if cell.level.count > 0 { evidence.level = DirectEvidence.Part(moments: cell.level) }
      evidence.pairs = exact.pairs(cell).map { DirectEvidence.Part(moments: $0) }
    }
    if let place = context.near, let cell = near.cell(place, configuration) {
      if evidence.pairs == nil, let pairs = near.pairs(cell) {
        evidence.pairs = DirectEvidence.Part(moments: pairs)
        evidence.isNear = true
      }
      if cell.level.count > 0 { evidence.jobs = DirectEvidence.Part(moments: cell.level) }
      evidence.jobCount = Int(cell.level.count)
      evidence.failures = max(evidence.failures, Int(cell.failures))
    }
    evidence.pairCount = evidence.pairs.map { Int($0.moments.count) } ?? 0
    return evidence
  }

  /// The same for a worker: what its node went through since counts.
  func evidence(_ contexts: WorkerContexts, _ configuration: EngineConfiguration) -> DirectEvidence {
    guard let number = self.configuration(configuration) else { return DirectEvidence() }
    let place = contexts.place(of: family(of: number))
    var evidence = evidence(place.current, number)
    if let former = place.former {
      evidence.fill(with: self.evidence(former, number), because: place.change)
    }
    evidence.scale = contexts.scale
    return evidence
  }
}

extension Posterior {
  /// What is believed of a candidate after what was measured of it and of the default.
  ///
  /// - Parameters:
  ///   - level: foreseen for the default.
  ///   - prior: foreseen for the candidate's ratio to it; nil for the default itself.
  ///   - noise: whose pooled noise says how much a repeat is worth.
  init(
    level: LogEstimate, prior: LogEstimate?, own: DirectEvidence, baseline: DirectEvidence, _ metric: CostMetric,
    noise index: EvidenceIndex
  ) {
    let level = Self.combined(
      Self.combined(level, baseline.level(metric, in: index)), baseline.jobs(metric, in: index))
    guard let prior else {
      self.init(level: level, prior: .zero, pairs: nil, alone: nil)
      return
    }
    // Blocks that are in a pair already spoke through it.
    let isPairedHere = own.pairCount > 0 && !own.isNear
    self.init(
      level: level, prior: prior, pairs: own.ratio(metric, in: index),
      alone: own.jobs(metric, in: index) ?? (isPairedHere ? nil : own.level(metric, in: index)))
    if own.failures > 0, metric != .memory {
      // Ten times the cost whenever it fails, in the manner of PAR10.
      let share = Double(own.failures) / Double(own.failures + own.successCount)
      let penalty = LogEstimate.penalty(failureShare: share)
      ratio.mean += penalty
      cost.mean += penalty
    }
  }
}

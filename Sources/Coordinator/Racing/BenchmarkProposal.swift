import Glibc
import Messaging
import Selection
import Serving

/// Which candidates a benchmark tries where, in which order. A value that is worked out on the concurrent pool.
struct BenchmarkProposal: Sendable {
  /// Configurations of the history's portfolio that open a race.
  private static let portfolioSize = 6

  var spec: BenchmarkSpec
  var source: CandidateSource
  var models: [ModelID: ModelProfile]
  var workers: [(name: WorkerName, description: WorkerDescription)]
  var selector: SelectorModel?
  var evidence: EvidenceIndex

  @concurrent func targets() async -> [PlannerTarget] {
    let portfolio = EvidencePortfolio(evidence, objective: spec.objective)
    let recommender = Recommender(model: selector, evidence: evidence)
    return workers.flatMap { worker in
      spec.models.compactMap { id in
        guard let model = models[id], worker.description.models.contains(where: { $0.id == id }) else { return nil }
        return target(model, worker, portfolio, recommender)
      }
    }
  }

  private func target(
    _ model: ModelProfile, _ worker: (name: WorkerName, description: WorkerDescription),
    _ portfolio: EvidencePortfolio, _ recommender: Recommender
  ) -> PlannerTarget? {
    // A benchmark looks at everything, also at what may change the output: it is shown apart.
    let limits = Limits(allowsApproximate: true)
    let proposals = spec.workloads.map { workload in
      source.sets(model: model, workload: workload, limits: limits, methods: spec.methods, workers: [worker])
    }
    guard let baseline = baseline(proposals, model) else { return nil }
    var lists: [String: StartList] = [:]
    for (workload, sets) in zip(spec.workloads, proposals) {
      let applicable = applicable(sets, model)
      // Ratios of different workloads would go to different defaults; one stands for all.
      guard applicable.contains(baseline) else { continue }
      let foreseen = foresight(sets, baseline, recommender, limits)
      let entrants = applicable.filter { $0.configuration != baseline.configuration }
        .map { Entrant($0, foreseen: foreseen[$0.configuration]) }
      lists[workload.shape] = StartList(
        entrants,
        portfolio: portfolio.members(
          size: Self.portfolioSize, leavingOut: model.id, worker.description.hardware, workload))
    }
    var target = PlannerTarget(
      model: model, worker: worker.name, hardware: worker.description.hardware, baseline: baseline, startLists: lists,
      engineMemoryBytes: worker.description.engineMemoryBytes)
    target.plannedBytes = source.plannedBytes(
      target.candidates.map(\.configuration), model: model, on: worker.description, workloads: spec.workloads)
    return target
  }

  /// What could run, with what its fidelity was measured to be.
  private func applicable(_ sets: [CandidateSet], _ model: ModelProfile) -> [Candidate] {
    sets.flatMap(\.candidates).filter(\.isApplicable).map { candidate in
      var candidate = candidate
      candidate.fidelity = candidate.fidelity
        .corrected(by: evidence.qualities.loss(model: model.id, candidate.configuration))
      return candidate
    }
  }

  /// What all others are compared with.
  ///
  /// An engine that loads the model's weights from another file is its default there too; one that loads the model
  /// itself goes before it.
  private func baseline(_ proposals: [[CandidateSet]], _ model: ModelProfile) -> Candidate? {
    let plain = proposals.flatMap { applicable($0, model) }.filter(\.configuration.methods.isEmpty)
    return plain.first(where: \.configuration.isDefault) ?? plain.first
  }

  /// What the selector foresees of the candidates of the default's own engine; ratios of others go to other defaults.
  private func foresight(
    _ sets: [CandidateSet], _ baseline: Candidate, _ recommender: Recommender, _ limits: Limits
  ) -> [EngineConfiguration: LogEstimate] {
    let own = sets.filter { $0.candidates.contains { $0.configuration == baseline.configuration } }
    let ranked = recommender.recommend(own, objective: spec.objective, limits: limits).candidates
    var foreseen: [EngineConfiguration: LogEstimate] = [:]
    for one in ranked {
      guard let speedup = one.speedup, let interval = one.speedupInterval, speedup > 0, interval.lowerBound > 0,
        interval.upperBound.isFinite
      else { continue }
      let deviation = log(interval.upperBound / interval.lowerBound) / (2 * LogEstimate.quantile95)
      foreseen[one.candidate.configuration] = LogEstimate(mean: log(speedup), variance: deviation * deviation)
    }
    return foreseen
  }
}

import Coordinator
import Glibc
import Selection
import Serving

/// Jobs on a pool of three nodes that change: the best one slows to half after a third of the jobs, and after two thirds
/// every engine is another version, with other strategies that are good. Routes are chosen by the coordinator's own
/// code, from a selector that was trained on a benchmark of another model there and is trained again now and then.
struct DriftingPool {
  let seed: UInt64
  let jobCount: Int
  let policy: ExplorationPolicy
  /// Jobs between two rankings, and two trainings.
  static let rankingInterval = 20
  static let trainingInterval = 500

  struct Outcome {
    /// For each third of the jobs, the mean logarithm of what a job cost over the best it could have had, both in truth.
    var regrets: [Double] = []
    /// The same in the last quarter of each third, when what changed is known.
    var settledRegrets: [Double] = []
    var exploredShare = 0.0
    /// Jobs of the node that slowed until that was told; nil if it never was.
    var outcomesUntilTold: Int?
    /// Changes told of nodes where nothing had happened.
    var falseAlarms = 0
    /// Most that an exploring job took in truth, over what the best choice would have; its 95th percentile.
    var explorationSlowdown = 1.0
  }

  private struct Kind {
    var spec: JobSpec
    var key: RouteKey
    /// What each node could do; nothing of it changes.
    var candidates: [[Candidate]]
    var choices: [RouteChoice] = []
    var options: [ExplorationOption] = []
    /// What the best of them costs in truth, since the last change.
    var best: Double?
  }

  func run() throws -> Outcome {
    let world = OnlineWorld(seed: seed)
    let model = SyntheticHistory.models[1]
    var nodes = SyntheticHistory.hardware.enumerated().map { world.node("node-\($0)", $1) }
    // Comparable machines, so that the pool has something to choose from.
    for place in nodes.indices { nodes[place].hardware = SyntheticHistory.hardware[min(place, 1)] }
    var history = world.benchmark([SyntheticHistory.models[0], SyntheticHistory.models[3]], nodes)
    var selector = try SelectorTrainer.train(history, models: SyntheticHistory.models).model
    var evidence = EvidenceIndex()
    for measurement in history { evidence.insert(measurement) }
    var kinds = [(50, 24), (50, 96), (240, 24), (240, 96)].map { prompt, output in
      let spec = JobSpec(model: model.id, prompt: .text(String(repeating: "word", count: prompt)), maxTokens: output)
      let key = RouteKey(spec)
      return Kind(
        spec: spec, key: key,
        candidates: nodes.map { SyntheticHistory.candidates(model, $0.hardware, key.workload) })
    }
    var explorer = Explorer(policy, seed: seed)
    var generator = SeededGenerator(seed: seed &+ 1000)
    var outcome = Outcome()
    var regrets: [Double] = []
    var slowdowns: [Double] = []
    var explored = 0
    var slowed: Int?
    var outcomesOfSlowed = 0
    for job in 0..<jobCount {
      if job == jobCount / 3 {
        let favourite = kinds[0].choices[0].worker
        slowed = nodes.firstIndex { $0.worker == favourite }
        nodes[slowed!].slowness = 2
        for place in kinds.indices { kinds[place].best = nil }
        outcome.falseAlarms += evidence.changeCount
      }
      if job == 2 * jobCount / 3 {
        for place in nodes.indices { nodes[place].engineVersion = "2" }
        for place in kinds.indices { kinds[place].best = nil }
      }
      if job > 0, job % Self.trainingInterval == 0 {
        selector = try SelectorTrainer.train(history, models: SyntheticHistory.models).model
      }
      if job % Self.rankingInterval == 0 { rank(&kinds, nodes, model, selector, evidence) }
      let number = kinds.indices.randomElement(using: &generator)!
      let kind = kinds[number]
      var choice = kind.choices[0]
      let usual = cost(choice, world, nodes, model, kind.spec.workload)
      if policy.share > 0, explorer.isDue(isIdle: true),
        let place = explorer.pick(instead: choice, among: kind.options, hasRoom: { _ in true })
      {
        let option = kind.options[place]
        choice = RouteChoice(worker: option.worker, candidate: option.candidate, predicted: option.predicted)
        explored += 1
        slowdowns.append(cost(choice, world, nodes, model, kind.spec.workload) / usual)
      }
      let best = kind.best ?? cheapest(kind, world, nodes, model)
      kinds[number].best = best
      regrets.append(log(cost(choice, world, nodes, model, kind.spec.workload) / best))
      let node = nodes.first { $0.worker == choice.worker }!
      let measurement = world.measurement(
        "job-\(job)", .job(JobID("job-\(job)")), choice.candidate, model, node, kind.spec.workload, &generator)
      history.append(measurement)
      evidence.insert(measurement)
      if let slowed, outcome.outcomesUntilTold == nil, choice.worker == nodes[slowed].worker {
        outcomesOfSlowed += 1
        let drifts = evidence.changes.contains {
          if case .drift(let factor, _) = $0.cause { $0.worker == choice.worker && factor > 1 } else { false }
        }
        if drifts { outcome.outcomesUntilTold = outcomesOfSlowed }
      }
    }
    for third in 0..<3 {
      let part = regrets[third * jobCount / 3..<(third + 1) * jobCount / 3]
      outcome.regrets.append(part.reduce(0, +) / Double(part.count))
      let late = part.suffix(part.count / 4)
      outcome.settledRegrets.append(late.reduce(0, +) / Double(late.count))
    }
    outcome.exploredShare = Double(explored) / Double(jobCount)
    if !slowdowns.isEmpty { outcome.explorationSlowdown = Percentiles(slowdowns).at(0.95) }
    return outcome
  }

  private func rank(
    _ kinds: inout [Kind], _ nodes: [OnlineWorld.Node], _ model: ModelProfile, _ selector: SelectorModel,
    _ evidence: EvidenceIndex
  ) {
    let recommender = Recommender(model: selector, evidence: evidence)
    for place in kinds.indices {
      let sets = zip(nodes, kinds[place].candidates).map { node, candidates in
        CandidateSet(
          worker: node.worker, hardware: node.hardware, model: model, available: SyntheticHistory.models,
          workload: kinds[place].key.workload, candidates: candidates)
      }
      var (recommendation, options) = recommender.route(sets, objective: .e2e, limits: Limits())
      // Engines are loaded: what loading costs is another question than what is learned.
      for option in options.indices { options[option].loadSeconds = 0 }
      kinds[place].choices = RouteChoices.make(from: recommendation)
      kinds[place].options = options
    }
  }

  private func cost(
    _ choice: RouteChoice, _ world: OnlineWorld, _ nodes: [OnlineWorld.Node], _ model: ModelProfile,
    _ workload: Workload
  ) -> Double {
    world.e2eMS(choice.candidate.configuration, model, nodes.first { $0.worker == choice.worker }!, workload)
  }

  private func cheapest(
    _ kind: Kind, _ world: OnlineWorld, _ nodes: [OnlineWorld.Node], _ model: ModelProfile
  ) -> Double {
    zip(nodes, kind.candidates).flatMap { node, candidates in
      candidates.filter { $0.isApplicable && $0.fidelity == .exact }
        .map { world.e2eMS($0.configuration, model, node, kind.spec.workload) }
    }.min()!
  }
}

import Glibc
import Selection
import Serving

/// How far the forecasts for a node that nobody has measured are off, after some jobs there.
struct FewShot {
  /// Jobs before each look.
  static let counts = [0, 1, 3, 10]

  let seed: UInt64

  /// Trains on two nodes, then runs jobs on a third of another kind.
  ///
  /// - Returns: for each of `counts`, the median over other models and lengths of the absolute logarithm of foreseen over
  ///   true time; for the roofline alone and for the trained selector.
  func errors() throws -> (roofline: [Double], trained: [Double]) {
    let world = OnlineWorld(seed: seed)
    let hardware = SyntheticHistory.hardware
    let known = [world.node("known-1", hardware[0]), world.node("known-2", hardware[2])]
    let node = world.node("new", hardware[1])
    let history = world.benchmark(SyntheticHistory.models, known)
    let model = try SelectorTrainer.train(history, models: SyntheticHistory.models).model
    var evidence = EvidenceIndex()
    for measurement in history { evidence.insert(measurement) }
    var generator = SeededGenerator(seed: seed &+ 77)
    var roofline: [Double] = []
    var trained: [Double] = []
    var done = 0
    for count in Self.counts {
      while done < count {
        done += 1
        let prompt = Int.random(in: 30...300, using: &generator)
        let output = Int.random(in: 20...100, using: &generator)
        let workload = Workload(
          name: "job", promptTokens: prompt...prompt, outputTokens: output...output, requestCount: 1)
        let candidate = Candidate(
          configuration: EngineConfiguration(engine: SyntheticHistory.engine), fidelity: .exact)
        evidence.insert(
          world.measurement(
            "job-\(done)", .job(JobID("job-\(done)")), candidate, SyntheticHistory.models[0], node, workload, &generator
          ))
      }
      roofline.append(error(Recommender(model: nil, evidence: evidence), world, node))
      trained.append(error(Recommender(model: model, evidence: evidence), world, node))
    }
    return (roofline, trained)
  }

  /// In all workloads of all models but the one that ran.
  private func error(_ recommender: Recommender, _ world: OnlineWorld, _ node: OnlineWorld.Node) -> Double {
    var errors: [Double] = []
    for model in SyntheticHistory.models.dropFirst() {
      for workload in Workload.builtIn where workload.concurrency == 1 {
        let set = CandidateSet(
          worker: node.worker, hardware: node.hardware, model: model, available: SyntheticHistory.models,
          workload: workload, candidates: SyntheticHistory.candidates(model, node.hardware, workload))
        let answer = recommender.recommend([set], objective: .e2e, limits: Limits())
        for ranked in answer.candidates where ranked.candidate.configuration.isDefault {
          guard let e2e = ranked.predicted.e2eMS else { continue }
          errors.append(abs(log(e2e / world.e2eMS(ranked.candidate.configuration, model, node, workload))))
        }
      }
    }
    return Percentiles(errors).p50
  }
}

import Acceleration
import FoundationEssentials
import Glibc
import Serving
import Testing

@testable import Selection

/// One training for all tests that only look at a trained model: it takes a while in a debug build.
enum Trained {
  static let world = SyntheticWorld()
  static let history = world.history()
  static let file = Result { try SelectorTrainer.train(history, models: SyntheticWorld.models) }
  static func model() throws -> SelectorModel { try file.get().model }
}

@Suite("Training finds what is cheaper where nobody measured")
struct SelectorTrainerTests {
  /// Mean logarithm over the best, for choices of a rule in contexts with shapes that were not measured.
  private func regrets(
    models: [ModelProfile], workloads: [Workload], choose: (CandidateSet) -> EngineConfiguration
  ) -> Double {
    var sum = 0.0
    var count = 0
    for m in models {
      for h in SyntheticWorld.hardware {
        for w in workloads {
          let set = SyntheticWorld.set(m, h, w)
          let costs = set.candidates.filter(\.isApplicable).map {
            ($0.configuration, Trained.world.truth($0.configuration, m, h, w).e2eMS)
          }
          let best = costs.map(\.1).min()!
          let worst = costs.map(\.1).max()!
          let cost = costs.first { $0.0 == choose(set) }!.1
          // VBS <= any choice <= worst.
          #expect(best <= cost && cost <= worst)
          sum += log(cost / best)
          count += 1
        }
      }
    }
    return sum / Double(count)
  }

  @Test("In new workloads its choice is much nearer to the best than the default and the single best are")
  func newWorkloads() throws {
    let model = try Trained.model()
    let recommender = Recommender(model: model, evidence: EvidenceIndex())
    let limits = Limits(allowsApproximate: true)
    // Full-length shapes; the history has half-length ones.
    let workloads = Workload.builtIn
    let chosen = regrets(models: SyntheticWorld.targets, workloads: workloads) {
      recommender.recommend([$0], objective: .e2e, limits: limits).candidates[0].candidate.configuration
    }
    let byDefault = regrets(models: SyntheticWorld.targets, workloads: workloads) { _ in
      EngineConfiguration(engine: SyntheticWorld.engine)
    }
    // The best fixed configuration that can run everywhere.
    let everywhere = SyntheticWorld.targets.flatMap { m in
      SyntheticWorld.hardware.flatMap { h in
        workloads.map { w in Set(SyntheticWorld.set(m, h, w).candidates.filter(\.isApplicable).map(\.configuration)) }
      }
    }
    let common = everywhere.dropFirst().reduce(everywhere[0]) { $0.intersection($1) }
    let singleBest = common.map { fixed in
      regrets(models: SyntheticWorld.targets, workloads: workloads) { _ in fixed }
    }.min()!
    #expect(chosen < 0.5 * singleBest)
    #expect(chosen < 0.5 * byDefault)
    #expect(chosen < 0.12)
  }

  @Test("For a model nobody measured its choice is better than the default")
  func newModel() throws {
    let unseen = SyntheticWorld.targets.filter { $0.name == "dense200" }
    let seen = SyntheticWorld.targets.filter { $0.name != "dense200" }
    let trained = try SelectorTrainer.train(Trained.world.history(models: seen), models: SyntheticWorld.models)
    let recommender = Recommender(model: trained.model, evidence: EvidenceIndex())
    let chosen = regrets(models: unseen, workloads: Workload.builtIn.map(\.halved)) {
      recommender.recommend([$0], objective: .e2e, limits: Limits()).candidates[0].candidate.configuration
    }
    let byDefault = regrets(models: unseen, workloads: Workload.builtIn.map(\.halved)) { _ in
      EngineConfiguration(engine: SyntheticWorld.engine)
    }
    #expect(chosen < 0.8 * byDefault)
  }

  @Test("90% intervals hold the truth about 90% of the time in workloads that were not measured")
  func coverage() throws {
    let recommender = Recommender(model: try Trained.model(), evidence: EvidenceIndex())
    var inside = (cost: 0, ratio: 0)
    var count = 0
    for m in SyntheticWorld.targets {
      for h in SyntheticWorld.hardware {
        for w in Workload.builtIn {
          let answer = recommender.recommend(
            [SyntheticWorld.set(m, h, w)], objective: .e2e, limits: Limits(allowsApproximate: true))
          let base = Trained.world.truth(EngineConfiguration(engine: SyntheticWorld.engine), m, h, w).e2eMS
          for ranked in answer.candidates where ranked.candidate.isApplicable {
            let truth = Trained.world.truth(ranked.candidate.configuration, m, h, w).e2eMS
            count += 1
            if ranked.interval!.contains(truth) { inside.cost += 1 }
            // The default is its own reference and exactly 1.
            let wanted = base / truth
            if ranked.speedupInterval!.lowerBound <= wanted + 1e-9
              && wanted - 1e-9 <= ranked.speedupInterval!.upperBound
            {
              inside.ratio += 1
            }
          }
        }
      }
    }
    let share = (cost: Double(inside.cost) / Double(count), ratio: Double(inside.ratio) / Double(count))
    #expect(share.cost > 0.80)
    #expect(share.ratio > 0.80)
  }

  @Test("Each metric's interval holds what is measured about 90% of the time, in new workloads and in measured ones")
  func coverageByMetric() throws {
    // A round's drift is common to its candidates, so one later trial of each context would say little.
    let worlds = (UInt64(2)...7).map { SyntheticWorld(seed: $0) }
    let model = try Trained.model()
    let shares = try [false, true].map { isMeasured in
      let evidence = EvidenceIndex(isMeasured ? Trained.history : [])
      let recommender = Recommender(model: model, evidence: evidence)
      var inside = [CostMetric: (count: Int, total: Int)]()
      for m in SyntheticWorld.targets {
        for h in SyntheticWorld.hardware {
          for w in [Workload.chat, .edit, .concurrent].map({ isMeasured ? $0.halved : $0 }) {
            let later = worlds.map { world in
              Dictionary(grouping: world.trial(m, h, w)) { ConfigurationKey($0.configuration) }
            }
            let answer = recommender.recommend(
              [SyntheticWorld.set(m, h, w)], objective: .e2e, limits: Limits(allowsApproximate: true), inFull: true)
            for ranked in answer.candidates where ranked.candidate.isApplicable {
              for trial in later {
                let blocks = try #require(trial[ConfigurationKey(ranked.candidate.configuration)])
                let costs = blocks.compactMap { $0.outcome.metrics.flatMap(MeasuredCosts.read) }
                for metric in CostMetric.allCases where metric != .energy {
                  let mean = costs.reduce(0) { $0 + $1[metric] } / Double(costs.count)
                  let interval = try #require(ranked.intervals[metric])
                  inside[metric, default: (0, 0)].total += 1
                  if interval.contains(metric.value(logCost: mean)) { inside[metric]!.count += 1 }
                }
              }
            }
          }
        }
      }
      return inside.mapValues { Double($0.count) / Double($0.total) }
    }
    for (metric, share) in shares[0] { #expect((0.8...1).contains(share), "\(metric), new workloads") }
    for (metric, share) in shares[1] { #expect((0.8...1).contains(share), "\(metric), measured") }
  }

  @Test("Predicted metrics lie near the truth in the metrics' own units")
  func units() throws {
    let recommender = Recommender(model: try Trained.model(), evidence: EvidenceIndex())
    let (m, h, w) = (SyntheticWorld.targets[0], SyntheticWorld.hardware[0], Workload.chat.halved)
    let first = recommender.recommend([SyntheticWorld.set(m, h, w)], objective: .e2e, limits: Limits()).candidates[0]
    let truth = Trained.world.truth(first.candidate.configuration, m, h, w)
    for (predicted, true_) in [
      (first.predicted.ttftMS, truth.ttftMS), (first.predicted.tpotMS, truth.tpotMS),
      (first.predicted.e2eMS, truth.e2eMS), (first.predicted.throughput, truth.throughput),
      (first.predicted.memoryBytes.map(Double.init), truth.memoryBytes),
    ] {
      let ratio = try #require(predicted) / true_
      #expect((0.75...1.33).contains(ratio))
    }
  }

  @Test("Figures that cannot be true are refused and counted, and change nothing")
  func absurd() throws {
    let good = Trained.world.trial(SyntheticWorld.targets[0], SyntheticWorld.hardware[0], .chat)
    let absurd: [(inout Metrics) -> Void] = [
      { $0.ttft.meanMS = .nan }, { $0.e2e.meanMS = .infinity }, { $0.e2e.meanMS = -5 }, { $0.ttft.meanMS = 0 },
      { $0.e2e.meanMS = $0.ttft.meanMS / 2 }, { $0.wallSeconds = 0 }, { $0.tpot.meanMS = .nan },
      {
        $0.ttft.meanMS = 1e12
        $0.e2e.meanMS = 2e12
      }, { $0.peakMemoryBytes = -1 }, { $0.requestCount = 0 },
    ]
    let bad = absurd.enumerated().map { place, change in
      var measurement = good[place % good.count]
      var metrics = measurement.outcome.metrics!
      change(&metrics)
      measurement.outcome = .completed(metrics)
      return measurement
    }
    let clean = try SelectorTrainer.train(good, models: SyntheticWorld.models).model
    let dirty = try SelectorTrainer.train(bad + good, models: SyntheticWorld.models).model
    #expect(dirty.refusedCount == bad.count)
    #expect(dirty.rowCount == clean.rowCount && clean.refusedCount == 0)
    let set = SyntheticWorld.set()
    #expect(
      Recommender(model: dirty, evidence: EvidenceIndex()).recommend([set], objective: .e2e, limits: Limits())
        .candidates.map(\.predicted)
        == Recommender(model: clean, evidence: EvidenceIndex()).recommend([set], objective: .e2e, limits: Limits())
        .candidates.map(\.predicted))
  }

  @Test("Too little to learn from is bad input, with the count")
  func tooLittle() {
    let few = Array(Trained.world.trial(SyntheticWorld.targets[0], SyntheticWorld.hardware[0], .chat).prefix(3))
    let error = #expect(throws: ApusError.self) { try SelectorTrainer.train(few) }
    #expect(error?.code == .badInput)
    #expect(error?.reason.hasPrefix("3 usable measurements") == true)
    #expect(throws: ApusError.self) { try SelectorTrainer.train([]) }
  }

  @Test("A configuration that fails in similar contexts is foreseen to be worse")
  func failures() throws {
    let threads = MethodName("thread-count")
    let h = SyntheticWorld.hardware[0]
    let history = SyntheticWorld.targets.flatMap { m in
      [Workload.chat, .edit, .longGeneration].flatMap { w in
        Trained.world.trial(m, h, w).map { measurement in
          guard measurement.configuration.methods == [threads] else { return measurement }
          var failed = measurement
          failed.outcome = .outOfMemory(detail: "test")
          return failed
        }
      }
    }
    let model = try SelectorTrainer.train(history, models: SyntheticWorld.models).model
    let set = SyntheticWorld.set(SyntheticWorld.targets[0], h, .chat.halved)
    let answer = Recommender(model: model, evidence: EvidenceIndex()).recommend(
      [set], objective: .e2e, limits: Limits())
    let ranked = try #require(answer.candidates.first { $0.candidate.configuration.methods == [threads] })
    #expect(ranked.speedup! < 0.6)
  }

  @Test("Measurements of others, who never ran the default, teach which strategy is the cheapest")
  func withoutDefault() throws {
    let history = Trained.history.filter { !$0.configuration.isDefault }.map { measurement in
      var other = measurement
      other.source = .imported(from: "others")
      return other
    }
    /// Mean logarithm over the best of what is foreseen to be the cheapest, in lengths that were not measured.
    func regret(_ model: SelectorModel?) throws -> Double {
      let recommender = Recommender(model: model, evidence: EvidenceIndex())
      let regrets = try SyntheticWorld.targets.flatMap { m in
        try SyntheticWorld.hardware.flatMap { h in
          try Workload.builtIn.map { w in
            var set = SyntheticWorld.set(m, h, w)
            set.candidates.removeAll { !$0.isApplicable || $0.configuration.isDefault }
            let answer = recommender.recommend(
              [set], objective: .e2e, limits: Limits(allowsApproximate: true), inFull: true)
            let choice = try #require(answer.candidates.min { $0.predicted.e2eMS! < $1.predicted.e2eMS! })
            let costs = set.candidates.map { Trained.world.truth($0.configuration, m, h, w).e2eMS }
            return log(Trained.world.truth(choice.candidate.configuration, m, h, w).e2eMS / costs.min()!)
          }
        }
      }
      return regrets.reduce(0, +) / Double(regrets.count)
    }
    let learned = try regret(SelectorTrainer.train(history, models: SyntheticWorld.models).model)
    let roofline = try regret(nil)
    #expect(learned < 0.5 * roofline, "\(learned) against \(roofline)")
  }

  @Test("Jobs, which have no default beside them, teach how fast a machine is")
  func jobs() throws {
    let (m, h) = (SyntheticWorld.targets[0], SyntheticWorld.hardware[0])
    var history = Trained.world.trial(m, h, .chat) + Trained.world.trial(m, h, .edit)
    let config = SyntheticWorld.set(m, h, .chat).candidates[0]
    // Jobs five times slower than what the trials say: somebody else uses the machine.
    for number in 0..<40 {
      var w = Workload.chat
      w.promptTokens = (200 + number)...(200 + number)
      history.append(
        SyntheticWorld.measurement(
          "job\(number)", source: .job(JobID("j\(number)")), m, h, w, config,
          .completed(Trained.world.truth(config.configuration, m, h, w).scaled(5).metrics)))
    }
    let model = try SelectorTrainer.train(history, models: SyntheticWorld.models).model
    var w = Workload.chat
    w.promptTokens = 220...220
    let answer = Recommender(model: model, evidence: EvidenceIndex()).recommend(
      [SyntheticWorld.set(m, h, w)], objective: .e2e, limits: Limits())
    let baseline = try #require(answer.candidates.first { $0.candidate.configuration.isDefault })
    let truth = Trained.world.truth(config.configuration, m, h, w).e2eMS
    #expect(baseline.predicted.e2eMS! / truth > 3)
  }
}

extension PredictedIntervals {
  subscript(_ metric: CostMetric) -> ClosedRange<Double>? {
    switch metric {
    case .ttft: ttftMS
    case .tpot: tpotMS
    case .e2e: e2eMS
    case .throughput: throughput
    case .memory: memoryBytes
    case .energy: joulesPerToken
    }
  }
}

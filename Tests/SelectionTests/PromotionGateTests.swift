import Glibc
import Serving
import Testing

@testable import Selection

@Suite("A new model replaces the old one only when its choices are no worse")
struct PromotionGateTests {
  private let world = SyntheticWorld()
  private let small = SyntheticWorld.hardware[0]
  private let dense = SyntheticWorld.targets[0]

  /// Trained on a world in which every ratio is the other way round.
  private func misled() throws -> SelectorModel {
    let wrong = world.history(models: [dense], hardware: [SyntheticWorld.hardware[2]]).map { measurement in
      var lie = measurement
      if !measurement.configuration.isDefault, var metrics = measurement.outcome.metrics {
        let truth = world.truth(
          EngineConfiguration(engine: SyntheticWorld.engine), measurement.model, measurement.hardware,
          measurement.workload)
        let factor = truth.e2eMS / metrics.e2e.meanMS
        metrics = truth.scaled(factor).metrics
        lie.outcome = .completed(metrics)
      }
      return lie
    }
    return try SelectorTrainer.train(wrong, models: SyntheticWorld.models).model
  }

  @Test("Without an old model, or without contexts new to both, the new one is taken")
  func firstModel() throws {
    let model = try Trained.model()
    #expect(PromotionGate.decide(old: nil, new: model, on: Trained.history).promotes)
    let verdict = PromotionGate.decide(old: model, new: model, on: Trained.history, models: SyntheticWorld.models)
    #expect(verdict.promotes && verdict.contextCount == 0)
  }

  @Test("Contexts only the new one was trained on are judged by its cross-validation, not by what it learned by heart")
  func crossValidation() throws {
    let early = world.history(models: [dense], hardware: [small], workloads: [.chat, .edit, .longGeneration])
    let late = world.history(models: [dense], hardware: [small], workloads: [.concurrent, .sharedPrefix])
    let old = try SelectorTrainer.train(early, models: SyntheticWorld.models).model
    let new = try SelectorTrainer.train(early + late, models: SyntheticWorld.models).model
    let verdict = PromotionGate.decide(old: old, new: new, on: early + late, models: SyntheticWorld.models)
    #expect(verdict.contextCount == 2)
    let stored = new.header.contexts.compactMap(\.regret)
    #expect(stored.count == 5 && stored.allSatisfy { $0 >= 0 })
    #expect(new.heldOutRegret! >= 1)
    let lateHashes = Set(late.map(TrainingSet.contextHash))
    let expected = new.header.contexts.filter { lateHashes.contains($0.hash) }.compactMap(\.regret).reduce(0, +) / 2
    #expect(abs(log(verdict.newRegret!) - expected) < 1e-9)
  }

  @Test("On contexts new to both, the one with the worse choices loses in either role")
  func comparison() throws {
    let good = try Trained.model()
    let bad = try misled()
    let heldOut = world.history(models: [dense], hardware: [small], workloads: Workload.builtIn)
    let refused = PromotionGate.decide(old: good, new: bad, on: heldOut, models: SyntheticWorld.models)
    #expect(!refused.promotes && refused.contextCount == 6)
    #expect(try #require(refused.newRegret) > refused.oldRegret! && refused.oldRegret! >= 1)
    let promoted = PromotionGate.decide(old: bad, new: good, on: heldOut, models: SyntheticWorld.models)
    #expect(promoted.promotes && promoted.newRegret! < promoted.oldRegret!)
  }

  /// Every measurement as if it had been a job of its own.
  private func jobs(_ measurements: [Measurement]) -> [Measurement] {
    measurements.enumerated().map { number, measurement in
      var job = measurement
      job.source = .job(JobID("job-\(number)"))
      return job
    }
  }

  /// Trained on a world in which everything takes three times as long.
  private func slow() throws -> SelectorModel {
    let lies = Trained.history.map { measurement in
      var lie = measurement
      let truth = world.truth(
        measurement.configuration, measurement.model, measurement.hardware, measurement.workload)
      lie.outcome = .completed(truth.scaled(3).metrics)
      return lie
    }
    return try SelectorTrainer.train(lies, models: SyntheticWorld.models).model
  }

  @Test("One that foresees the last jobs worse is refused, whatever it was trained on; as the old one it is replaced")
  func forecasts() throws {
    let (good, bad) = (try Trained.model(), try slow())
    let recent = jobs(world.history(models: [dense], hardware: [small], workloads: [.chat]))
    let refused = PromotionGate.decide(old: good, new: bad, on: recent, models: SyntheticWorld.models)
    #expect(!refused.promotes && refused.reason.contains("forecasts of the last"), "\(refused.reason)")
    #expect(PromotionGate.decide(old: bad, new: good, on: recent, models: SyntheticWorld.models).promotes)
    // Too few to say.
    let few = Array(recent.prefix(JobForecasts.least - 1))
    #expect(PromotionGate.decide(old: good, new: bad, on: few, models: SyntheticWorld.models).promotes)
  }

  @Test("A new model's first jobs decide whether the old one comes back; trials and failures are not among them")
  func probation() throws {
    let (good, bad) = (try Trained.model(), try slow())
    let trials = world.history(models: [dense], hardware: [small], workloads: [.chat, .edit], rounds: 4)
    var probation = Probation(old: good)
    #expect(probation.add(trials[0]) == nil)
    let answers = jobs(trials).map { probation.add($0) }
    let first = try #require(answers.firstIndex { $0 != nil })
    #expect(first == Probation.length - 1 && answers.count { $0 != nil } == 1)
    let judged = try #require(answers[first])
    let objection = Probation.objection(to: bad, old: good, jobs: judged, models: SyntheticWorld.models)
    #expect(objection?.contains("first 50 jobs") == true, "\(String(describing: objection))")
    #expect(Probation.objection(to: good, old: bad, jobs: judged, models: SyntheticWorld.models) == nil)
    #expect(Probation.objection(to: good, old: good, jobs: judged, models: SyntheticWorld.models) == nil)
  }

  /// Jobs of three workers, and as many of a fourth with times a thousand times as long.
  private func jobsWithLiar() -> (honest: [Measurement], lies: [Measurement]) {
    let honest = SyntheticWorld.hardware.flatMap { hardware in
      world.trial(dense, hardware, .chat).map { measurement in
        var job = measurement
        job.worker = WorkerName(hardware.processor)
        return job
      }
    }
    let lies = honest.map { measurement in
      var lie = measurement
      let truth = world.truth(
        measurement.configuration, measurement.model, measurement.hardware, measurement.workload)
      lie.worker = WorkerName("liar")
      lie.outcome = .completed(truth.scaled(1000).metrics)
      return lie
    }
    return (jobs(honest), jobs(lies))
  }

  @Test("Jobs of a worker that the others outvote judge no model, before it serves or after")
  func outvoted() throws {
    let (good, bad) = (try Trained.model(), try slow())
    let (honest, lies) = jobsWithLiar()
    // Believed, they would speak for the model that foresees too long times.
    #expect(JobForecasts(honest + lies + lies, models: SyntheticWorld.models).isWorse(good, than: bad))
    let verdict = PromotionGate.decide(
      old: bad, new: good, on: honest + lies + lies, models: SyntheticWorld.models)
    #expect(verdict.promotes, "\(verdict.reason)")
    #expect(verdict.distrusted == [WorkerName("liar")])

    var probation = Probation(old: bad, distrusted: verdict.distrusted)
    for lie in lies { #expect(probation.add(lie) == nil) }
    let judged = honest.compactMap { probation.add($0) }.first
    #expect(judged?.count == Probation.length && judged?.contains { $0.worker == WorkerName("liar") } == false)
    // One that began to lie only then is seen through by the other jobs.
    #expect(Probation.objection(to: good, old: bad, jobs: lies + lies + honest, models: SyntheticWorld.models) == nil)
  }
}

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
}

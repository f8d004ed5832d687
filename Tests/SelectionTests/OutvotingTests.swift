import Glibc
import Serving
import Testing

@testable import Selection

@Suite("What the others contradict is left out, and a worker that does it again and again is not believed")
struct OutvotingTests {
  private let world = SyntheticWorld()

  /// Trials of three workers on three machines.
  private var honest: [Measurement] {
    SyntheticWorld.hardware.enumerated().flatMap { number, hardware in
      world.trial(SyntheticWorld.targets[0], hardware, .chat, rounds: 1).map {
        var measurement = $0
        measurement.worker = WorkerName("worker \(number)")
        return measurement
      }
    }
  }

  private func scaled(_ measurement: Measurement, by factor: Double) -> Measurement {
    guard var metrics = measurement.outcome.metrics else { return measurement }
    metrics.ttft.meanMS *= factor
    metrics.tpot.meanMS *= factor
    metrics.e2e.meanMS *= factor
    metrics.wallSeconds *= factor
    var scaled = measurement
    scaled.outcome = .completed(metrics)
    return scaled
  }

  @Test("Honest machines of every speed are believed, whole")
  func believed() {
    let outvoting = Outvoting(honest, models: SyntheticWorld.models)
    #expect(outvoting.count == 0 && outvoting.distrusted.isEmpty)
    #expect(Outvoting([], models: []).isOut.isEmpty)
  }

  @Test("One measurement a thousand times off leaves, either way; its worker stays", arguments: [1000, 0.001])
  func one(factor: Double) {
    var measurements = honest
    measurements[3] = scaled(measurements[3], by: factor)
    let outvoting = Outvoting(measurements, models: SyntheticWorld.models)
    #expect(outvoting.isOut.indices.filter { outvoting.isOut[$0] } == [3])
    #expect(outvoting.distrusted.isEmpty)
  }

  @Test("A worker that is a thousand times off in a fifth of its blocks is believed in none", arguments: [1000, 0.001])
  func worker(factor: Double) {
    let liar = WorkerName("worker 1")
    let measurements = honest.enumerated().map { number, measurement in
      measurement.worker == liar && number.isMultiple(of: 5) ? scaled(measurement, by: factor) : measurement
    }
    let outvoting = Outvoting(measurements, models: SyntheticWorld.models)
    #expect(outvoting.distrusted == [liar])
    #expect(zip(measurements, outvoting.isOut).allSatisfy { ($0.worker == liar) == $1 })
  }

  @Test("Beside three repeats a block a thousand times off does not count as evidence; honest ones do")
  func repeats() {
    let trial = world.trial(SyntheticWorld.targets[0], SyntheticWorld.hardware[0], .chat, rounds: 4)
    var index = EvidenceIndex(trial)
    index.insert(scaled(trial[0], by: 1000))
    #expect(index.refusedCount == 1 && index.measurementCount == trial.count)
    index.insert(scaled(trial[0], by: 3))
    #expect(index.refusedCount == 1 && index.measurementCount == trial.count + 1)
  }

  @Test("The trainer learns the same with a liar's measurements as without them, and says how many it left out")
  func training() throws {
    let lies = world.trial(SyntheticWorld.targets[1], SyntheticWorld.hardware[1], .edit, rounds: 1).enumerated()
      .map { number, measurement in
        var lie = scaled(measurement, by: number.isMultiple(of: 2) ? 1000 : 0.001)
        lie.worker = WorkerName("liar")
        return lie
      }
    let clean = try SelectorTrainer.train(honest, models: SyntheticWorld.models).model
    let poisoned = try SelectorTrainer.train(honest + lies, models: SyntheticWorld.models).model
    #expect(poisoned.refusedCount == lies.count && poisoned.rowCount == clean.rowCount)
    let set = SyntheticWorld.set()
    func figures(_ model: SelectorModel) -> [PredictedMetrics] {
      Recommender(model: model, evidence: EvidenceIndex()).recommend([set], objective: .e2e, limits: Limits())
        .candidates.map(\.predicted)
    }
    #expect(figures(poisoned) == figures(clean))
    let believed = try SelectorTrainer.train(honest + lies, models: SyntheticWorld.models, outvotes: false).model
    #expect(figures(believed) != figures(clean))
  }
}

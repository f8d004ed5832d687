import Glibc
import Learning
import Serving
import Testing

@testable import Selection

@Suite("A history's own evaluation: the coordinator's selector beside those of tables")
struct HistoryEvaluationTests {
  private static let world = SyntheticWorld()
  private static let simple = TableSelectorCatalogue.all.filter { ["single-best", "best-rule"].contains($0.name) }
  private static let history = world.history(
    models: Array(SyntheticWorld.targets.prefix(3)), hardware: Array(SyntheticWorld.hardware.prefix(2)))

  @Test(
    "In workloads, models and machines left out it does better than the default",
    arguments: HistoryEvaluation.LeftOut.allCases)
  func beatsDefault(leftOut: HistoryEvaluation.LeftOut) throws {
    let evaluation = try HistoryEvaluation(Self.history, models: SyntheticWorld.models, leavingOut: leftOut)
    let groups: [HistoryEvaluation.LeftOut: Int] = [.model: 3, .hardware: 2, .workload: 6]
    #expect(evaluation.contextCount == 36 && evaluation.groupCount == groups[leftOut])
    let scores = evaluation.scores(Self.simple, seeds: [1], threadCount: 1)
    #expect(scores.map(\.selector) == ["coordinator", "engine-default", "single-best", "best-rule"])
    for score in scores { #expect((0...1).contains(score.achievedOverBest)) }
    #expect(scores[0].achievedOverBest > scores[1].achievedOverBest)
    #expect(scores[2].closedGap == 0)
    if leftOut == .workload { #expect(scores[0].achievedOverBest > scores[2].achievedOverBest) }
  }

  @Test("Times without the default count as they are, and what nobody measured twice not at all")
  func withoutDefault() throws {
    let (m, h) = (SyntheticWorld.targets[0], SyntheticWorld.hardware[0])
    func block(_ workload: Workload, slots: Int, seconds: Double) -> Measurement {
      let configuration = EngineConfiguration(engine: SyntheticWorld.engine, knobs: [.slotCount: .int(slots)])
      var metrics = Self.world.truth(configuration, m, h, workload).metrics
      metrics.ttft.meanMS = 1
      metrics.e2e.meanMS = 1000 * seconds
      return SyntheticWorld.measurement(
        "\(workload.name)-\(slots)", source: .imported(from: "others"), m, h, workload,
        Candidate(configuration: configuration, fidelity: .exact), .completed(metrics))
    }
    let measurements = [
      block(.chat, slots: 2, seconds: 1), block(.chat, slots: 4, seconds: 2), block(.edit, slots: 2, seconds: 3),
      block(.edit, slots: 4, seconds: 6), block(.longPrompt, slots: 2, seconds: 1),
    ]
    let evaluation = try HistoryEvaluation(measurements, leavingOut: .workload)
    #expect(evaluation.contextCount == 2 && evaluation.groupCount == 2)
    let scores = evaluation.scores(Self.simple, seeds: [1], threadCount: 1)
    #expect(scores.map(\.selector) == ["coordinator", "single-best", "best-rule"])
    #expect(abs(scores[1].achievedOverBest - 1) < 1e-9, "two slots are the best in both")
  }

  @Test("With nothing to leave out it says so")
  func refusals() {
    let one = Self.world.history(
      models: [SyntheticWorld.targets[0]], hardware: [SyntheticWorld.hardware[0]], workloads: [.chat])
    for measurements in [[], one] {
      let error = #expect(throws: ApusError.self) { try HistoryEvaluation(measurements, leavingOut: .model) }
      #expect(error?.code == .badInput)
    }
  }
}

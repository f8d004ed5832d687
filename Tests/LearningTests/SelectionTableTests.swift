import Testing

@testable import Learning

@Suite("Selection table")
struct SelectionTableTests {
  private func table(_ kind: CostKind, _ costs: [Double], _ isCensored: [Bool]) -> SelectionTable {
    SelectionTable(
      instances: .empty(rowCount: costs.count / 2), algorithms: .empty(rowCount: 2), algorithmNames: ["a", "b"],
      kind: kind, costs: costs, isCensored: isCensored)
  }

  @Test("Run times are PAR10, whatever time a failed run stopped at")
  func par10() {
    let losses = table(.runTime(cutoff: 50), [3, 20, 60, 40], [false, true, false, false]).losses
    #expect(losses == [3, 500, 500, 40])
  }

  @Test("Ratios are one minus achieved over best, in either direction; a failure loses everything")
  func ratios() {
    #expect(
      table(.ratioToBest(isHigherBetter: true), [50, 100, 8, 4], [false, false, false, true]).losses == [0.5, 0, 0, 1])
    #expect(table(.ratioToBest(isHigherBetter: false), [50, 100], [false, false]).losses == [0, 0.5])
  }

  @Test("Qualities turn so that lower is better, and a failure is as bad as the worst that finished")
  func qualities() {
    #expect(table(.highest, [0.9, 0.7, 0.8, 0], [false, false, false, true]).losses == [-0.9, -0.7, -0.8, -0.7])
  }

  @Test("A pair that was never tried is no candidate, and is filled by instance and algorithm")
  func holes() {
    let holed = table(.lowest, [1, 3, 5, .nan, 2, 4], [false, false, false, false, false, false])
    #expect(holed.candidates(of: 1) == [0])
    // Deviations: a is -1, 0, -1 with one pseudo-observation; b is +1, +1 with one.
    #expect(abs(holed.completed(holed.losses)[3] - (5 + 2.0 / 3)) < 1e-12)
  }

  @Test("A plan pays for probes and features, and nothing once a probe has solved it")
  func plans() {
    let base = table(.runTime(cutoff: 50), [3, 20, 45, 10], [false, false, false, true])
    let priced = SelectionTable(
      instances: base.instances, algorithms: base.algorithms, algorithmNames: base.algorithmNames, kind: base.kind,
      costs: base.costs, isCensored: base.isCensored, featureCosts: [7, 7])
    #expect(priced.loss(of: SelectionPlan(choice: 1, readsFeatures: true), on: 0) == 27)
    #expect(priced.loss(of: SelectionPlan(choice: 1, readsFeatures: false), on: 0) == 20)
    let probe = SelectionPlan.Probe(algorithm: 0, seconds: 4)
    #expect(priced.loss(of: SelectionPlan(probes: [probe], choice: 1, readsFeatures: true), on: 0) == 3)
    // 4 for the probe and 7 for the features leave too little of the 50 for the 45.
    #expect(priced.loss(of: SelectionPlan(probes: [probe], choice: 0, readsFeatures: true), on: 1) == 500)
    #expect(priced.loss(of: SelectionPlan(choice: 1, readsFeatures: false), on: 1) == 500)
  }
}

import Serving
import Testing

@testable import PlannerReplay

/// What is kept of a measured factorial, and what is taken for luck.
@Suite struct FactorialShrinkageTests {
  private static let space = SyntheticGrid.space

  @Test("Without noise every value stays what it is")
  func exact() {
    let values = Self.space.points.map(SyntheticGrid.law)
    let shrunk = FactorialShrinkage(space: Self.space).shrink(values, errorVariance: 0)
    #expect(zip(values, shrunk).allSatisfy { abs($0 - $1) < 1e-9 })
  }

  @Test("The truth comes nearer than the noisy means, and the law's one interaction stays", arguments: 1...5)
  func nearer(seed: UInt64) {
    let noisy = SyntheticGrid.grid(noise: 0.15, repeats: 3, seed: seed).points
    let means = noisy.map { $0.samples.reduce(0, +) / Double($0.samples.count) }
    let shrunk = FactorialShrinkage(space: Self.space).shrink(means, errorVariance: 0.15 * 0.15 / 3)
    let law = Self.space.points.map(SyntheticGrid.law)
    func error(_ values: [Double]) -> Double { zip(values, law).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } }
    #expect(error(shrunk) < error(means) / 2)
  }

  @Test("A round that was slow for all is no configuration's fault")
  func rounds() throws {
    func row(_ round: Int, _ fingerprint: String, _ seconds: Double) throws -> GridRow {
      try GridRow(parsing: "1,\(round),m,w,\(fingerprint),completed,10,\(seconds),\(seconds),1,1,0,x,2,p")
    }
    // In the second round everything takes twice as long, and the faster one ran only there.
    let rows = [
      try row(0, "default", 4), try row(0, "a", 4), try row(1, "default", 8), try row(1, "b", 4),
    ]
    let effects = RoundEffects(rows, by: .cpu)
    #expect(abs(try #require(effects.gain(of: "a", over: "default"))) < 1e-6)
    #expect(abs(try #require(effects.gain(of: "b", over: "default")) - 0.693_147) < 1e-5)
    #expect(effects.gain(of: "c", over: "default") == nil)
    #expect(effects.errorVariance == nil)
  }
}

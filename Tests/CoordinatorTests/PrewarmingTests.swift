import Glibc
import Serving
import Testing

@testable import Coordinator

/// What is foreseen, and which engine is worth loading for it; without a ledger around.
@Suite("Which engine to load before its jobs come")
struct PrewarmingTests {
  private func key(_ model: String = "dense", maxTokens: Int = 8) -> RouteKey {
    RouteKey(Fixture.spec(maxTokens: maxTokens, model: Fixture.model(model)))
  }

  private func proposal(
    engine: UInt64 = 1, node: Int = 0, jobs: Double, loadSeconds: Double = 10, gain: Double? = nil, maxTokens: Int = 8
  ) -> Prewarming.Proposal {
    Prewarming.Proposal(
      spot: Prewarming.Spot(node: node, engine: engine), loadSeconds: loadSeconds, jobs: jobs,
      gain: gain ?? jobs * loadSeconds,
      key: key(maxTokens: maxTokens), place: 0, contextTokens: 2048)
  }

  // MARK: The mix

  @Test("Of what came a third is foreseen ten minutes later; the most comes first, with the newest context")
  func decay() throws {
    var mix = JobMix()
    for second in 0..<3 { mix.add(key(), contextTokens: 2048, at: Double(second)) }
    mix.add(key("other"), contextTokens: 2048, at: 2)
    mix.add(key("other"), contextTokens: 8192, at: 602)
    let most = mix.most(8, at: 602)
    #expect(most.map(\.key) == [key("other"), key()])
    #expect(abs(most[0].count - (1 + exp(-1))) < 1e-9 && most[0].contextTokens == 8192)
    #expect(abs(most[1].count - 3 * exp(-1)) < 0.01 && most[1].contextTokens == 2048)
    #expect(mix.most(1, at: 602).map(\.key) == [key("other")])
  }

  @Test("Kinds of jobs without end are kept only as far as most is foreseen of them; what nothing can run is forgotten")
  func bounded() {
    var mix = JobMix()
    for _ in 0..<2 { mix.add(key("frequent"), contextTokens: 2048, at: 0) }
    for number in 0..<3 * JobMix.mostKeys { mix.add(key("model-\(number)"), contextTokens: 2048, at: 1) }
    let kept = mix.most(.max, at: 1)
    #expect(kept.count <= 2 * JobMix.mostKeys && kept.first?.key == key("frequent"))
    mix.forget(key("frequent"))
    #expect(mix.most(1, at: 1).first?.key != key("frequent"))
  }

  // MARK: The choice

  @Test(
    "One job is no reason to load; two that came just now are, and many that will come while it loads",
    arguments: [
      (1.0, 10.0, false), (1.5, 10, false), (2, 10, true), (0.5, 10, false), (1.2, 600, true),
    ])
  func threshold(jobs: Double, loadSeconds: Double, isWorthIt: Bool) {
    var prewarming = Prewarming(isOn: true)
    let chosen = prewarming.choose(among: [proposal(jobs: jobs, loadSeconds: loadSeconds)], at: 0)
    #expect((chosen != nil) == isWorthIt)
  }

  @Test("What spares the most waiting is loaded first: a slow load for a few jobs before a quick one for many")
  func largest() {
    var prewarming = Prewarming(isOn: true)
    let (slow, quick) = (
      proposal(engine: 1, jobs: 3, loadSeconds: 60), proposal(engine: 2, jobs: 100, loadSeconds: 2)
    )
    #expect(prewarming.choose(among: [quick, slow], at: 0) == slow)
    #expect(prewarming.choose(among: [quick, slow], at: 1) == quick, "the other was asked for a moment ago")
  }

  @Test("Where jobs would do nearly as well elsewhere, many of them must come")
  func elsewhere() {
    var prewarming = Prewarming(isOn: true)
    #expect(prewarming.choose(among: [proposal(jobs: 10, gain: 5)], at: 0) == nil)
    #expect(prewarming.choose(among: [proposal(jobs: 100, gain: 50)], at: 0) != nil)
  }

  @Test("Jobs of several kinds that one engine serves count together")
  func together() {
    var prewarming = Prewarming(isOn: true)
    let kinds = [proposal(jobs: 1, maxTokens: 8), proposal(engine: 2, jobs: 1.5), proposal(jobs: 1, maxTokens: 64)]
    let chosen = prewarming.choose(among: kinds, at: 0)
    #expect(chosen?.spot.engine == 1 && chosen?.jobs == 2 && chosen?.gain == 20)
  }

  @Test("An engine is loaded again half a minute later at the soonest, and five minutes after it failed")
  func pauses() {
    var prewarming = Prewarming(isOn: true)
    let wanted = proposal(jobs: 10)
    #expect(prewarming.choose(among: [wanted], at: 0) != nil)
    #expect(prewarming.choose(among: [wanted], at: 29) == nil)
    #expect(prewarming.choose(among: [proposal(node: 1, jobs: 10)], at: 29) != nil, "another node")
    #expect(prewarming.choose(among: [wanted], at: 30) != nil)
    prewarming.failed(wanted.spot, at: 40)
    #expect(prewarming.choose(among: [wanted], at: 339) == nil)
    #expect(prewarming.choose(among: [wanted], at: 340) != nil)
  }

  @Test("It looks once a second, and never where it is off")
  func looks() {
    var prewarming = Prewarming(isOn: true)
    let looks = [0, 0.1, 0.9, 1, 1.5, 2].map { prewarming.startLooking(at: $0) }
    #expect(looks == [true, false, false, true, false, true])
    var off = Prewarming(isOn: false)
    #expect(off.startLooking(at: 0) == false)
  }
}

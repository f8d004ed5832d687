import Glibc
import Serving
import Testing

@testable import Selection

@Suite("What a job could try instead")
struct ExplorationOptionTests {
  private let model = SyntheticWorld.targets[0]

  private func route(_ limits: Limits) throws -> (recommendation: Recommendation, options: [ExplorationOption]) {
    let world = SyntheticWorld()
    let evidence = EvidenceIndex(world.trial(model, SyntheticWorld.hardware[0], .chat))
    return Recommender(model: try Trained.model(), evidence: evidence)
      .route([SyntheticWorld.set(model)], objective: .e2e, limits: limits)
  }

  @Test("The best candidates and the default are options, with what is believed of them")
  func options() throws {
    let (recommendation, options) = try route(Limits())
    let first = try #require(recommendation.candidates.first)
    let own = try #require(options.first { $0.candidate == first.candidate && $0.worker == first.worker })
    #expect(own.predicted == first.predicted && !own.isTight && own.loadSeconds > 1)
    #expect(first.predicted.e2eMS! > 0.999 * exp(own.level.mean + own.ratio.mean))
    #expect(options.contains { $0.candidate.configuration.isDefault && $0.ratio == .zero })
    #expect(Set(options.map(\.group)).count == 1)
    #expect(options.allSatisfy { $0.candidate.fidelity == .exact }, "a job says when other output is welcome")
    #expect(try route(Limits(allowsApproximate: true)).options.contains { $0.candidate.fidelity == .approximate })
  }

  @Test("An option is tight where the upper end of a limited latency is over its limit")
  func tight() throws {
    let (recommendation, _) = try route(Limits())
    let e2e = try #require(recommendation.candidates.first?.predicted.e2eMS)
    func tight(_ limitMS: Double) throws -> Bool? {
      try route(Limits(slos: [SLO(metric: .e2e, percentile: 50, limitMS: limitMS)])).options
        .first { $0.candidate == recommendation.candidates[0].candidate }?.isTight
    }
    #expect(try tight(10 * e2e) == false)
    #expect(try tight(1.02 * e2e) == true)
    #expect(try tight(0.5 * e2e) ?? true, "refused, or tight")
  }
}

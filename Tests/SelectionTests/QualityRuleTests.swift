import Acceleration
import Selection
import Serving
import Testing

@Suite("What changes the output is chosen within a measured limit, and what was not measured is not")
struct QualityRuleTests {
  private let dense = SyntheticWorld.targets[0]
  private let small = SyntheticWorld.hardware[0]
  private let world = SyntheticWorld()

  private func loss(_ divergence: Double?, mismatches: Int = 0) -> QualityLoss {
    QualityLoss(
      positionCount: 256, topAgreement: 1 - Double(mismatches) / 256, decisiveMismatchCount: mismatches,
      divergence: divergence, perplexity: divergence.map { 100 + $0 }, referencePerplexity: divergence.map { _ in 100 },
      probeVersion: 1)
  }

  private func measured(
    _ candidate: Candidate, _ quality: QualityLoss?, version: String = "1", atMS: Int64 = 1, hardware: HardwareProfile
  ) -> Measurement {
    var measurement = SyntheticWorld.measurement(
      "m", source: .job(JobID("j")), dense, hardware, .chat, candidate,
      .completed(world.truth(candidate.configuration, dense, hardware, .chat).metrics))
    measurement.quality = quality
    measurement.engineVersion = version
    measurement.startedAtMS = atMS
    return measurement
  }

  private func recommend(_ evidence: EvidenceIndex, _ limits: Limits) -> Recommendation {
    Recommender(model: nil, evidence: evidence)
      .recommend([SyntheticWorld.set(dense, small, .chat)], objective: .e2e, limits: limits)
  }

  private func candidates() throws -> (approximate: Candidate, exact: Candidate) {
    let all = SyntheticWorld.set(dense, small, .chat).candidates.filter(\.isApplicable)
    return (
      try #require(all.first { $0.fidelity == .approximate }),
      try #require(all.first { $0.fidelity == .exact && !$0.configuration.isDefault })
    )
  }

  /// The four cases of the rule for one approximate candidate that loses 0.02, measured on another machine.
  @Test func limitsDecide() throws {
    let (approximate, _) = try candidates()
    var evidence = EvidenceIndex()
    evidence.insert(measured(approximate, loss(0.02), hardware: SyntheticWorld.hardware[2]))
    func answer(_ limits: Limits) throws -> RankedCandidate {
      try #require(
        recommend(evidence, limits).candidates.first { $0.candidate.configuration == approximate.configuration })
    }
    for (limits, refusal) in [
      (Limits(), "approximate methods are not allowed"), (Limits(allowsApproximate: true), nil),
      (Limits(maxQualityLoss: 0.03), nil), (Limits(maxQualityLoss: 0.02), nil),
      (Limits(maxQualityLoss: 0.01), "loses 0.02 nats per token against the default, over the limit of 0.01"),
      // A limit decides alone.
      (Limits(allowsApproximate: true, maxQualityLoss: 0.01), "over the limit of 0.01"),
    ] {
      let ranked = try answer(limits)
      #expect(ranked.candidate.isApplicable == (refusal == nil), "\(limits)")
      if let refusal { #expect(ranked.candidate.refusedReason?.contains(refusal) == true, "\(ranked)") }
      #expect(ranked.quality == loss(0.02), "shown in any case")
    }
    let reasons = try answer(Limits(maxQualityLoss: 0.01)).reasons
    #expect(
      reasons.contains { $0.contains("loses 0.02 nats per token;") && $0.contains("perplexity 100 against 100") },
      "\(reasons)")
  }

  /// A loss is never guessed: not from another model, not from a similar configuration, not from choices alone.
  @Test func unmeasuredIsRefused() throws {
    let (approximate, _) = try candidates()
    var elsewhere = EvidenceIndex()
    var other = measured(approximate, loss(0), hardware: small)
    other.model = SyntheticWorld.targets[1]
    elsewhere.insert(other)
    var choicesOnly = EvidenceIndex()
    choicesOnly.insert(measured(approximate, loss(nil), hardware: small))
    for evidence in [EvidenceIndex(), elsewhere, choicesOnly] {
      let answer = recommend(evidence, Limits(maxQualityLoss: 10))
      let refused = answer.candidates.filter { $0.candidate.fidelity == .approximate }
      #expect(!refused.isEmpty)
      #expect(refused.allSatisfy { $0.candidate.refusedReason == "quality not measured: benchmark it first" })
    }
  }

  /// A promise of exactness that was seen broken is none: refused where nothing approximate may be chosen, judged by its
  /// loss where a limit is given, and called approximate in either case.
  @Test func brokenPromisesCountAsApproximate() throws {
    let (_, exact) = try candidates()
    var evidence = EvidenceIndex()
    func answer(_ limits: Limits) throws -> Candidate {
      try #require(recommend(evidence, limits).candidates.first { $0.candidate.configuration == exact.configuration })
        .candidate
    }
    evidence.insert(measured(exact, loss(nil), hardware: small))
    #expect(try answer(Limits()).isApplicable && (try answer(Limits())).fidelity == .exact, "verified")
    evidence.insert(measured(exact, loss(0.004, mismatches: 3), hardware: SyntheticWorld.hardware[1]))
    #expect(try answer(Limits()).fidelity == .approximate)
    #expect(try answer(Limits()).refusedReason?.contains("3 of 256 greedy tokens were others") == true)
    #expect(try answer(Limits(maxQualityLoss: 0.005)).isApplicable)
    #expect(try answer(Limits(maxQualityLoss: 0.003)).refusedReason?.contains("over the limit") == true)
    #expect(try answer(Limits(allowsApproximate: true)).isApplicable)
  }

  /// Of one engine version the worst counts, in any order; of several the newest.
  @Test func newestVersionAndWorstMeasurement() throws {
    let (approximate, _) = try candidates()
    let measurements = [
      measured(approximate, loss(0.02), atMS: 5, hardware: small),
      measured(approximate, loss(0.03), atMS: 4, hardware: small),
      measured(approximate, loss(0.01), atMS: 6, hardware: small),
      measured(approximate, loss(0.5), version: "0", atMS: 1, hardware: small),
    ]
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]] {
      var table = QualityEvidence()
      for place in order { table.insert(measurements[place]) }
      #expect(table.loss(model: dense.id, approximate.configuration)?.divergence == 0.03, "\(order)")
      table.insert(measured(approximate, loss(0.001), version: "2", atMS: 9, hardware: small))
      #expect(table.loss(model: dense.id, approximate.configuration)?.divergence == 0.001)
    }
  }

  /// Figures that cannot be true come from files; they count for nothing.
  @Test func impossibleLossesAreLeftOut() throws {
    let (approximate, _) = try candidates()
    var table = QualityEvidence()
    for bad in [loss(-1), loss(.nan), loss(.infinity), loss(0, mismatches: 300)] {
      table.insert(measured(approximate, bad, hardware: small))
    }
    var none = loss(0)
    none.positionCount = 0
    table.insert(measured(approximate, none, hardware: small))
    #expect(table.loss(model: dense.id, approximate.configuration) == nil)
  }

  /// What an approximate method loses, it loses beside any exact one, too; and exact ones alone are judged each.
  @Test func exactMethodsBesideItChangeNothing() throws {
    let (approximate, _) = try candidates()
    let beside = approximate.configuration.adding(ContinuousBatching().name, [.slotCount: .int(4)])
    let batching = EngineConfiguration(engine: beside.engine).adding(ContinuousBatching().name, [.slotCount: .int(4)])
    var table = QualityEvidence()
    table.insert(measured(approximate, loss(0.02), hardware: small))
    #expect(table.loss(model: dense.id, beside)?.divergence == 0.02)
    #expect(table.loss(model: dense.id, batching) == nil)
  }
}

import Acceleration
import Serving
import Testing

@testable import Coordinator

/// Quality is measured once for each model, configuration and engine version.
@Suite struct QualityCoverageTests {
  private let approximate = Fixture.candidate([KnobName("a"): .int(1)], fidelity: .approximate)
  private let exact = Fixture.candidate([KnobName("e"): .int(1)])
  private let versions = [Fixture.engine: "1"]

  private func trial(_ purpose: TrialPurpose, _ candidates: [Candidate]? = nil) -> TrialSpec {
    var trial = Fixture.trial("t", candidates: candidates ?? [Fixture.candidate(), exact, approximate])
    trial.purpose = purpose
    return trial
  }

  private func measurement(_ candidate: Candidate, quality: QualityLoss? = nil, warning: String? = nil) -> Measurement {
    var measurement = Fixture.measurement(
      "m", source: .job(JobID("j")), worker: WorkerName("w"), outcome: .cancelled,
      configuration: candidate.configuration)
    measurement.quality = quality
    measurement.warnings = [warning].compactMap { $0 }
    return measurement
  }

  private let loss = QualityLoss(positionCount: 256, topAgreement: 1, decisiveMismatchCount: 0, probeVersion: 1)

  @Test func approximateOnesAtOnceExactOnesLater() {
    let coverage = QualityCoverage()
    #expect(coverage.wanted(in: trial(.screening), versions: versions) == [2])
    for purpose in [TrialPurpose.paired, .confirmation] {
      #expect(coverage.wanted(in: trial(purpose), versions: versions) == [1, 2], "never the default itself")
    }
    #expect(
      coverage.wanted(in: trial(.paired, [exact, approximate]), versions: versions) == [], "nothing to compare with")
  }

  @Test func onceForEachEngineVersion() {
    var coverage = QualityCoverage()
    coverage.note(measurement(approximate))
    #expect(coverage.wanted(in: trial(.paired), versions: versions) == [1, 2], "this one was not asked for it")
    coverage.note(measurement(approximate, quality: loss))
    #expect(coverage.wanted(in: trial(.paired), versions: versions) == [1])
    #expect(coverage.wanted(in: trial(.paired), versions: [Fixture.engine: "2"]) == [1, 2], "another engine")
    var other = trial(.paired)
    other.model = ModelID("another")
    #expect(coverage.wanted(in: other, versions: versions) == [1, 2], "another model")
  }

  /// A probe that fails is tried once more, then left alone; one that succeeds in between ends it.
  @Test func failuresAreNotTriedForEver() {
    var coverage = QualityCoverage()
    let failed = measurement(exact, warning: "\(Measurement.noQualityWarning): it took too long")
    coverage.note(failed)
    #expect(coverage.wanted(in: trial(.paired), versions: versions) == [1, 2])
    coverage.note(failed)
    #expect(coverage.wanted(in: trial(.paired), versions: versions) == [2])
    coverage.note(failed)
    #expect(coverage.wanted(in: trial(.paired), versions: versions) == [2])
  }

  /// An exact method beside an approximate one changes nothing: one probe tells of both, whichever ran it.
  @Test func onceForWhatMayChangeTheOutput() {
    let cache: [KnobName: KnobValue] = [.keyCacheType: .text("q8_0"), .valueCacheType: .text("q8_0")]
    let alone = EngineConfiguration(engine: Fixture.engine).adding(KeyValueCacheQuantization().name, cache)
    let slots = alone.adding(ContinuousBatching().name, [.slotCount: .int(4)])
    let both = [alone, slots].map { Candidate(configuration: $0, fidelity: .approximate) }
    var coverage = QualityCoverage()
    #expect(coverage.wanted(in: trial(.screening, [Fixture.candidate()] + both), versions: versions) == [1])
    #expect(coverage.wanted(in: trial(.screening, [Fixture.candidate(), both[1]]), versions: versions) == [1])
    coverage.note(measurement(both[1], quality: loss))
    #expect(coverage.wanted(in: trial(.paired, [Fixture.candidate()] + both), versions: versions) == [])
  }
}

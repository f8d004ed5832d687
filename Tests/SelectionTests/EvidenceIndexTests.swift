import FoundationEssentials
import Glibc
import Serving
import Testing

@testable import Selection

@Suite("Evidence is counted once, paired by round, and stays small")
struct EvidenceIndexTests {
  private let world = SyntheticWorld()
  private let dense = SyntheticWorld.targets[0]
  private let small = SyntheticWorld.hardware[0]

  private func evidence(_ index: EvidenceIndex, _ configuration: EngineConfiguration, _ workload: Workload)
    -> DirectEvidence
  {
    index.evidence(
      index.context(model: dense.id, hardware: small, workload: workload), index.configuration(configuration))
  }

  private func block(
    _ place: Int, _ factor: Double, round: Int = 0, trial: String = "t", workload: Workload = .chat
  ) -> Measurement {
    let set = SyntheticWorld.set(dense, small, workload)
    let truth = world.truth(EngineConfiguration(engine: SyntheticWorld.engine), dense, small, workload)
    return SyntheticWorld.measurement(
      "\(trial)\(round)\(place)",
      source: .trial(TrialID(trial), benchmark: BenchmarkID("b"), purpose: .paired, round: round), dense, small,
      workload, set.candidates[place], .completed(truth.scaled(factor).metrics))
  }

  private let candidate = SyntheticWorld.set().candidates.firstIndex { $0.configuration[.threadCount] != nil }!

  @Test("Blocks of one trial, round and workload pair up, in either order of arrival; others do not")
  func pairing() throws {
    let configuration = SyntheticWorld.set().candidates[candidate].configuration
    for blocks in [[block(0, 2), block(candidate, 1)], [block(candidate, 1), block(0, 2)]] {
      let index = EvidenceIndex(blocks)
      let found = evidence(index, configuration, .chat)
      #expect(found.pairCount == 1 && found.count == 1 && !found.isNear)
      let ratio = try #require(found.ratio(.e2e, in: index))
      #expect(abs(ratio.mean - log(0.5)) < 1e-5)
    }
    for strangers in [
      [block(0, 2), block(candidate, 1, round: 1)], [block(0, 2), block(candidate, 1, trial: "u")],
      [block(0, 2, workload: .edit), block(candidate, 1)],
    ] {
      #expect(evidence(EvidenceIndex(strangers), configuration, .chat).pairCount == 0)
    }
  }

  @Test("A job whose prompt lay in a restored slot teaches nothing: it is as if it had never been")
  func restoredPrefix() {
    var usual = block(0, 1)
    usual.source = .job(JobID("usual"))
    var spared = block(0, 0.1)
    spared.source = .job(JobID("spared"))
    spared.configuration = spared.configuration.adding(MethodName("slot-restore"), [.slotStore: .bool(true)])
    #expect(!usual.hasRestoredPrefix && spared.hasRestoredPrefix)
    let index = EvidenceIndex([usual, spared])
    #expect(index.measurementCount == 1 && index.refusedCount == 0)
    #expect(index.configuration(spared.configuration) == nil)
    #expect(JobForecasts([usual, spared], models: []).count == 1)
    // Of a trial it is a setting like others: no block meets a prefix again.
    var trial = block(0, 1)
    trial.configuration = spared.configuration
    #expect(!trial.hasRestoredPrefix && EvidenceIndex([trial]).measurementCount == 1)
  }

  @Test("A measurement that lacks a figure is no lie: both teach nothing, and are counted apart")
  func lackingFigures() {
    func changed(_ change: (inout Metrics) -> Void) -> Measurement {
      var measurement = block(0, 1)
      var metrics = measurement.outcome.metrics!
      change(&metrics)
      measurement.outcome = .completed(metrics)
      return measurement
    }
    let index = EvidenceIndex([
      changed { $0.ttft.meanMS = .nan }, changed { $0.tpot.meanMS = .nan }, changed { $0.ttft.meanMS = -1 },
    ])
    #expect(index.measurementCount == 0 && index.incompleteCount == 2 && index.refusedCount == 1)
  }

  @Test("Drift that hits a whole round cancels in the ratio")
  func drift() throws {
    let rounds = (0..<8).flatMap { round -> [Measurement] in
      let drift = Double(1 + round)
      return [block(0, 2 * drift, round: round), block(candidate, drift, round: round)]
    }
    let index = EvidenceIndex(rounds)
    let ratio = try #require(
      evidence(index, SyntheticWorld.set().candidates[candidate].configuration, .chat).ratio(.e2e, in: index))
    #expect(abs(ratio.mean - log(0.5)) < 1e-4)
    #expect(ratio.variance < 0.05 * 0.05)
  }

  @Test("A ratio is believed more with every round, up to what other prompts would change")
  func certainty() {
    let variances = [1, 2, 4, 16].map { count -> Double in
      let index = EvidenceIndex(
        (0..<count).flatMap { [block(0, 2, round: $0), block(candidate, 1, round: $0)] })
      return evidence(index, SyntheticWorld.set().candidates[candidate].configuration, .chat)
        .ratio(.e2e, in: index)!.variance
    }
    #expect(zip(variances, variances.dropFirst()).allSatisfy { $0 > $1 })
    #expect(variances[0] > 0.05 * 0.05 && variances[3] > 0.01 * 0.01)
  }

  @Test("The mean is that of the logarithms, and the count is exact")
  func means() throws {
    let index = EvidenceIndex([1, 2, 4].enumerated().map { block(0, $1, round: $0) })
    let found = evidence(index, EngineConfiguration(engine: SyntheticWorld.engine), .chat)
    let truth = world.truth(EngineConfiguration(engine: SyntheticWorld.engine), dense, small, .chat)
    #expect(abs(try #require(found.level(.e2e, in: index)).mean - log(2 * truth.e2eMS)) < 1e-4)
    #expect(abs(try #require(found.level(.throughput, in: index)).mean + log(truth.throughput / 2)) < 1e-4)
    let configuration = EngineConfiguration(engine: SyntheticWorld.engine)
    #expect(index.count(model: dense.id, hardware: small, workload: .chat, configuration: configuration) == 3)
    #expect(index.count(model: dense.id, hardware: small, workload: .edit, configuration: configuration) == 0)
    #expect(index.measurementCount == 3 && index.contextCount == 1)
  }

  @Test("A workload's name and the block's length do not matter, its shape does")
  func shapes() {
    var renamed = Workload.chat
    renamed.name = "talk"
    renamed.requestCount = 40
    let index = EvidenceIndex([block(0, 1)])
    let configuration = EngineConfiguration(engine: SyntheticWorld.engine)
    #expect(index.count(model: dense.id, hardware: small, workload: renamed, configuration: configuration) == 1)
    renamed.concurrency = 2
    #expect(index.count(model: dense.id, hardware: small, workload: renamed, configuration: configuration) == 0)
  }

  @Test("A metric that a shape cannot have is absent, not zero")
  func missing() throws {
    var measurement = block(0, 1)
    var metrics = try #require(measurement.outcome.metrics)
    metrics.tpot.meanMS = 0
    metrics.peakMemoryBytes = 0
    measurement.outcome = .completed(metrics)
    let index = EvidenceIndex([measurement])
    let found = evidence(index, EngineConfiguration(engine: SyntheticWorld.engine), .chat)
    #expect(found.level(.tpot, in: index) == nil && found.level(.memory, in: index) == nil)
    #expect(found.level(.e2e, in: index) != nil && found.count == 1)
  }

  @Test("Rounds whose default never comes are forgotten in the end")
  func bounded() {
    var index = EvidenceIndex()
    for number in 0..<2000 { index.insert(block(candidate, 1, trial: "t\(number)")) }
    index.insert(block(0, 1, trial: "t1999"))
    index.insert(block(0, 1, trial: "t0"))
    #expect(evidence(index, SyntheticWorld.set().candidates[candidate].configuration, .chat).pairCount == 1)
  }

  @Test("100,000 jobs, each of its own shape, fit in 50 MB")
  func memory() {
    var measurement = block(0, 1)
    measurement.source = .job(JobID("j"))
    var metrics = measurement.outcome.metrics!
    metrics.requestCount = 1
    measurement.outcome = .completed(metrics)
    var index = EvidenceIndex()
    for number in 0..<100_000 {
      measurement.workload.promptTokens = (1 + number / 300)...(1 + number / 300)
      measurement.workload.outputTokens = (1 + number % 300)...(1 + number % 300)
      index.insert(measurement)
    }
    #expect(index.measurementCount == 100_000 && index.contextCount == 100_000)
    // The process's memory depends on what other tests do, so the tables are added up: at the worst a dictionary has
    // 2^18 places for 100,000 entries, and an array that just grew has twice its elements.
    let places = 1 << 18
    let bytes =
      places * (MemoryLayout<(EvidenceTable.ContextKey, Int32)>.stride + MemoryLayout<(UInt64, Int32)>.stride)
      + 200_000 * MemoryLayout<EvidenceCell>.stride
    #expect(bytes < 50_000_000)
    #expect(index.near.contextCount < 200, "jobs of similar lengths share a neighbourhood")
  }
}

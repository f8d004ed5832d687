import Benchmarking
import Serving
import Testing

@Suite("Sample warnings") struct SampleWarningsTests {
  private func steady(_ count: Int, ttft: Double = 0.1, gap: Double = 0.01, tokens: Int = 10) -> [RequestTimeline] {
    (0..<count).map { index in
      // A little different each time, as measured values are.
      let gap = gap * (1 + 0.01 * Double(index % 5))
      return RequestTimeline(
        sentAtSeconds: Double(index), tokenSeconds: (0..<tokens).map { ttft + gap * Double($0) }, promptTokenCount: 8)
    }
  }

  private func warnings(
    _ samples: [RequestTimeline], workload: Workload = .chat, asked: Int = 10, machine: MachineUse? = nil,
    counted: EngineCounters? = nil, slots: Int = 1
  ) -> [String] {
    SampleWarnings.warnings(
      for: BlockConditions(
        workload: workload, samples: samples, askedTokens: samples.map { _ in asked }, machine: machine,
        counted: counted, slotCount: slots))
  }

  /// A steady block on a quiet machine gives no warning at all.
  @Test func quietBlock() {
    #expect(warnings(steady(12), machine: MachineUse(otherShare: 0.02, stolenShare: 0)) == [])
  }

  /// Each doubt is found, and its words say what to do.
  @Test func fewFailedAndShort() throws {
    #expect(try #require(warnings(steady(2)).first).contains("2 requests: p90 and p99"))
    var samples = steady(12)
    samples[3].failure = "the connection was lost"
    #expect(try #require(warnings(samples).first).contains("1 of 12 requests failed (the connection was lost)"))
    #expect(try #require(warnings(steady(12), asked: 20).first).contains("12 of 12 requests ended early (10 of 20"))
  }

  /// A slow first request is news in a plain sequence, and by design where requests queue or share a prefix.
  @Test func slowFirstRequest() throws {
    var samples = steady(12)
    samples[0].tokenSeconds = samples[0].tokenSeconds.map { $0 + 0.4 }
    #expect(try #require(warnings(samples).first).contains("first request waited 500 ms"))
    #expect(warnings(samples, workload: .sharedPrefix) == [])
    #expect(warnings(samples, workload: .concurrent) == [])
  }

  /// Tokens that were all there when somebody looked do not tell when the first one was.
  @Test func tokensAtOnce() throws {
    var samples = steady(12)
    samples[4].tokenSeconds = samples[4].tokenSeconds.map { 0.4 + $0 / 10_000 }
    #expect(warnings(samples).contains { $0.contains("tokens of 1 of 12 requests came all at once") })
    let usage = BlockUsage(cpuSeconds: 1, peakMemoryBytes: 1, loadSeconds: 1)
    let one = MetricSummary.metrics(of: [samples[4]], usage: usage)
    #expect(one.cameAtOnce && one.value(.ttft).isNaN && one.value(.tpot).isNaN && one.value(.e2e) > 400)
    let other = MetricSummary.metrics(of: [samples[5]], usage: usage)
    #expect(!other.cameAtOnce && other.value(.ttft) > 0)
    let single = MetricSummary.metrics(of: steady(1, tokens: 1), usage: usage)
    #expect(!single.cameAtOnce && single.value(.ttft) > 0, "a single token has no time per token to be told by")
  }

  /// One request at a third of the speed is an outlier; one long gap among many is a stall.
  @Test func outliersAndStalls() throws {
    var slow = steady(12)
    slow[5] = steady(1, gap: 0.03)[0]
    #expect(try #require(warnings(slow).first).contains("1 of 12 requests are outliers"))
    var stalled = steady(12, tokens: 40)
    stalled[2].tokenSeconds = stalled[2].tokenSeconds.enumerated().map { $0 > 20 ? $1 + 2 : $1 }
    #expect(warnings(stalled, asked: 40).contains { $0.contains("stalls of up to 20") })
  }

  /// Tokens that come in bursts, as with speculation, are no stalls.
  @Test func burstsAreNoStalls() {
    let bursts = (0..<12).map { index in
      RequestTimeline(
        sentAtSeconds: Double(index), tokenSeconds: (0..<40).map { 0.1 + 0.05 * Double($0 / 4) }, promptTokenCount: 8)
    }
    #expect(warnings(bursts, asked: 40) == [])
  }

  /// What the engine counted is held against the samples: tokens for others, slots that stood idle, a prefix read again.
  @Test func engineCountsOtherwise() throws {
    let samples = steady(16)  // 160 output tokens
    #expect(warnings(samples, counted: EngineCounters(outputTokenCount: 170)) == [])
    let strange = warnings(samples, counted: EngineCounters(outputTokenCount: 400))
    #expect(try #require(strange.first).contains("counted 400 output tokens where the requests brought 160"))
    var failed = samples
    failed[0].failure = "lost"
    #expect(warnings(failed, counted: EngineCounters(outputTokenCount: 400)).count == 1)

    var eight = Workload.concurrent
    eight.concurrency = 8
    let (idle, busy) = (
      EngineCounters(stepCount: 100, busySlotSum: 212), EngineCounters(stepCount: 100, busySlotSum: 700)
    )
    #expect(warnings(samples, workload: eight, counted: busy, slots: 8) == [])
    #expect(try #require(warnings(samples, workload: eight, counted: idle, slots: 8).first).contains("2.1 of 8 slots"))
    #expect(warnings(samples, workload: eight, counted: idle, slots: 2) == [])
    eight.arrivalRate = 1
    #expect(warnings(samples, workload: eight, counted: idle, slots: 8) == [])

    var shared = Workload.sharedPrefix
    shared.sharedPrefixShare = 0.8
    func cached(_ count: Int) -> EngineCounters { EngineCounters(promptTokenCount: 1000, cachedTokenCount: count) }
    #expect(warnings(samples, workload: shared, counted: cached(700)) == [])
    let cold = warnings(samples, workload: shared, counted: cached(100))
    #expect(try #require(cold.first).hasPrefix("10% of the prompt"))
  }

  /// Others' CPU time and the hypervisor's are told apart.
  @Test func busyMachine() {
    let both = warnings(steady(12), machine: MachineUse(otherShare: 0.4, stolenShare: 0.25))
    #expect(
      both.count == 2 && both[0].hasPrefix("other processes took 40%") && both[1].contains("hypervisor withheld 25%"))
  }

  /// The example of the definition: 2.1 2.6 2.4 2.5 2.3 2.1 2.3 2.6 8.2 8.3 has median 2.45 and MAD 0.15, so 8.2 and 8.3
  /// score above 3.5 and nothing else does; half equal values do not divide by zero.
  @Test func modifiedZScores() {
    let scores = ModifiedZScore.scores(of: [2.1, 2.6, 2.4, 2.5, 2.3, 2.1, 2.3, 2.6, 8.2, 8.3])
    #expect(abs(scores[8] - 0.6745 * (8.2 - 2.45) / 0.15) < 1e-9)
    #expect(scores.map { abs($0) > ModifiedZScore.threshold } == Array(repeating: false, count: 8) + [true, true])
    #expect(ModifiedZScore.scores(of: [1, 1, 1, 1]) == [0, 0, 0, 0])
    #expect(ModifiedZScore.scores(of: [1, 1, 1, 1, 1, 1, 1, 1, 1, 9])[9] > ModifiedZScore.threshold)
  }
}

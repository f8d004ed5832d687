import Benchmarking
import Serving
import Testing

@Suite("Metric summary") struct MetricSummaryTests {
  private let usage = BlockUsage(
    cpuSeconds: 1.5, peakMemoryBytes: 100, loadSeconds: 0.4, draftedTokenCount: 8, acceptedTokenCount: 6)

  /// Two good requests and a failed one, worked by hand.
  @Test func handCase() {
    let samples = [
      RequestTimeline(sentAtSeconds: 1, tokenSeconds: [0.5, 0.6, 0.9], promptTokenCount: 10),
      RequestTimeline(sentAtSeconds: 1.5, tokenSeconds: [1.5, 1.6], promptTokenCount: 20),
      RequestTimeline(sentAtSeconds: 2, tokenSeconds: [4], promptTokenCount: 30, failure: "lost"),
    ]
    let metrics = MetricSummary.metrics(of: samples, usage: usage)
    #expect(metrics.requestCount == 2 && metrics.failedRequestCount == 1)
    #expect(metrics.promptTokenCount == 30 && metrics.outputTokenCount == 5)
    // From the first sending at 1 to the failed request's token at 6.
    #expect(near(metrics.wallSeconds, 5))
    #expect(near(metrics.ttft.meanMS, 1000) && near(metrics.ttft.p50MS, 500) && near(metrics.ttft.p99MS, 1500))
    // Gaps 0.1, 0.3 and 0.1: the mean weighs gaps alike.
    #expect(near(metrics.itl.meanMS, 500.0 / 3) && near(metrics.itl.p50MS, 100) && near(metrics.itl.p90MS, 300))
    // Per request 0.2 and 0.1: the mean weighs requests alike.
    #expect(near(metrics.tpot.meanMS, 150))
    #expect(near(metrics.e2e.meanMS, 1250))
    #expect(metrics.acceptanceRate == 0.75)
    #expect(near(metrics.throughput, 1))
  }

  /// For any request TTFT <= E2E, the gaps add up to E2E - TTFT, and TPOT is their mean.
  @Test func identitiesHold() throws {
    var generator = SeededGenerator(seed: 11)
    for _ in 0..<200 {
      let count = Int.random(in: 1...40, using: &generator)
      let times = (0..<count).map { _ in Double.random(in: 0...3, using: &generator) }.sorted()
      let sample = RequestTimeline(sentAtSeconds: 0, tokenSeconds: times, promptTokenCount: 1)
      let ttft = try #require(sample.ttftSeconds)
      let e2e = try #require(sample.e2eSeconds)
      let gaps = sample.gapSeconds
      #expect(ttft <= e2e && gaps.count == count - 1)
      #expect(abs(gaps.reduce(0, +) - (e2e - ttft)) < 1e-9)
      #expect(count == 1 ? sample.tpotSeconds == nil : near(sample.tpotSeconds ?? -1, (e2e - ttft) / Double(count - 1)))
      let metrics = MetricSummary.metrics(of: [sample], usage: usage)
      #expect(near(metrics.itl.meanMS, metrics.tpot.meanMS))
    }
  }

  /// Without speculation there is no acceptance, not an acceptance of 0; without requests everything is 0.
  @Test func absentFigures() {
    let silent = BlockUsage(cpuSeconds: 0, peakMemoryBytes: 0, loadSeconds: 0)
    #expect(MetricSummary.metrics(of: [], usage: silent).acceptanceRate == nil)
    let undrafted = BlockUsage(cpuSeconds: 0, peakMemoryBytes: 0, loadSeconds: 0, draftedTokenCount: 0)
    #expect(MetricSummary.metrics(of: [], usage: undrafted).acceptanceRate == nil)
    let empty = MetricSummary.metrics(of: [], usage: silent)
    #expect(empty.wallSeconds == 0 && empty.throughput == 0 && empty.ttft.p99MS == 0)
  }

  /// Nearest rank: always a measured value, the largest for high percentiles of few.
  @Test(arguments: [(50.0, 10, 5.0), (90, 10, 9), (99, 10, 10), (50, 1, 1), (99, 1, 1), (50, 3, 2), (99, 200, 198)])
  func nearestRank(percentile: Double, count: Int, expected: Double) {
    let sorted = (1...count).map(Double.init)
    #expect(Percentile.nearestRank(percentile, ofSorted: sorted) == expected)
  }

  /// A request is good when it meets every limit; its own gaps decide about ITL.
  @Test func goodputCountsRequestsThatMeetEveryLimit() throws {
    let fast = RequestTimeline(sentAtSeconds: 0, tokenSeconds: [0.1, 0.2, 0.3], promptTokenCount: 1)
    let slowStart = RequestTimeline(sentAtSeconds: 0, tokenSeconds: [0.9, 1.0, 1.1], promptTokenCount: 1)
    let stalled = RequestTimeline(sentAtSeconds: 0, tokenSeconds: [0.1, 0.2, 1.2], promptTokenCount: 1)
    let failed = RequestTimeline(sentAtSeconds: 0, tokenSeconds: [0.1], promptTokenCount: 1, failure: "lost")
    let single = RequestTimeline(sentAtSeconds: 0, tokenSeconds: [0.1], promptTokenCount: 1)
    let all = [fast, slowStart, stalled, failed, single]
    let limits = [
      try #require(SLO(parsing: "ttft:p99<=500ms")), try #require(SLO(parsing: "itl:p90<=150ms")),
      try #require(SLO(parsing: "tpot:p50<=1s")), try #require(SLO(parsing: "e2e:p90<=2s")),
    ]
    #expect(all.map { Goodput.isGood($0, limits) } == [true, false, false, false, true])
    #expect(near(Goodput.requestsPerSecond(of: all, meeting: limits, wallSeconds: 4), 0.5))
    #expect(near(Goodput.requestsPerSecond(of: all, meeting: [], wallSeconds: 4), 1))
    #expect(Goodput.requestsPerSecond(of: all, meeting: limits, wallSeconds: 0) == 0)
  }

  private func near(_ a: Double, _ b: Double) -> Bool { abs(a - b) < 1e-9 }
}

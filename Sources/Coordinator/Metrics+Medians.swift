import Serving

extension Metrics {
  /// Each figure's median over blocks. Nil without a block.
  static func medians(of blocks: [Metrics]) -> Metrics? {
    guard !blocks.isEmpty else { return nil }
    func median(_ value: (Metrics) -> Double) -> Double { Self.median(blocks.map(value)) }
    func latencyMedian(_ latency: (Metrics) -> LatencySummary) -> LatencySummary {
      LatencySummary(
        meanMS: Self.median(blocks.map { latency($0).meanMS }), p50MS: Self.median(blocks.map { latency($0).p50MS }),
        p90MS: Self.median(blocks.map { latency($0).p90MS }), p99MS: Self.median(blocks.map { latency($0).p99MS }))
    }
    let cpu = blocks.compactMap(\.cpuSeconds)
    let acceptance = blocks.compactMap(\.acceptanceRate)
    let joules = blocks.compactMap(\.joulesPerToken)
    // Wall time and tokens are those of the block with the median throughput, so that the quotient stays that median.
    let typical = blocks.sorted { $0.throughput < $1.throughput }[(blocks.count - 1) / 2]
    return Metrics(
      requestCount: typical.requestCount, failedRequestCount: typical.failedRequestCount,
      promptTokenCount: typical.promptTokenCount, outputTokenCount: typical.outputTokenCount,
      wallSeconds: typical.wallSeconds, cpuSeconds: cpu.isEmpty ? nil : Self.median(cpu),
      peakMemoryBytes: blocks.compactMap(\.peakMemoryBytes).max(),
      loadSeconds: median(\.loadSeconds), ttft: latencyMedian(\.ttft), itl: latencyMedian(\.itl),
      tpot: latencyMedian(\.tpot),
      e2e: latencyMedian(\.e2e), acceptanceRate: acceptance.isEmpty ? nil : Self.median(acceptance),
      energyJoules: joules.isEmpty ? nil : Self.median(joules) * Double(typical.outputTokenCount),
      acceleratorMemoryBytes: blocks.compactMap(\.acceleratorMemoryBytes).max())
  }

  private static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }
}

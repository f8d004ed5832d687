extension Metrics {
  /// Eleven days, and a petabyte: beyond these a figure is a fault of whoever sent it.
  public static let mostMilliseconds = 1e9
  public static let mostBytes = 1_000_000_000_000_000

  /// What cannot be true of these figures, in words with the value; nil when nothing is wrong with them.
  ///
  /// What is not a number is not known, as much of what other programs measured: no fault. A block without a finished
  /// request has no latencies: those are then not looked at.
  public var fault: String? {
    // Names are put together for a fault only: nearly all figures have none, and each job's are looked at.
    func wrong(_ name: @autoclosure () -> String, _ value: Double, atMost most: Double) -> String? {
      value < 0 || value > most ? "\(name()) is \(value)" : nil
    }
    let least = min(requestCount, failedRequestCount, promptTokenCount, outputTokenCount)
    if least < 0 { return "a count is \(least)" }
    let seconds = Self.mostMilliseconds / 1000
    if let fault = wrong("wall_seconds", wallSeconds, atMost: seconds)
      ?? wrong("load_seconds", loadSeconds, atMost: seconds)
      ?? energyJoules.flatMap({ wrong("energy_joules", $0, atMost: 1e11) })
      ?? acceptanceRate.flatMap({ wrong("acceptance_rate", $0, atMost: 1) })
    {
      return fault
    }
    if let bytes = peakMemoryBytes, !(0...Self.mostBytes).contains(bytes) { return "peak_memory_bytes is \(bytes)" }
    if let bytes = acceleratorMemoryBytes, !(0...Self.mostBytes).contains(bytes) {
      return "accelerator_memory_bytes is \(bytes)"
    }
    guard requestCount > 0 else { return nil }
    func wrong(_ name: String, _ latency: LatencySummary) -> String? {
      wrong("\(name)_mean_ms", latency.meanMS, atMost: Self.mostMilliseconds)
        ?? wrong("\(name)_p50_ms", latency.p50MS, atMost: Self.mostMilliseconds)
        ?? wrong("\(name)_p90_ms", latency.p90MS, atMost: Self.mostMilliseconds)
        ?? wrong("\(name)_p99_ms", latency.p99MS, atMost: Self.mostMilliseconds)
    }
    if let fault = wrong("ttft", ttft) ?? wrong("itl", itl) ?? wrong("tpot", tpot) ?? wrong("e2e", e2e) { return fault }
    if outputTokenCount > 0, wallSeconds == 0 { return "\(outputTokenCount) tokens came in 0 seconds" }
    return nil
  }
}

extension Metrics {
  /// Eleven days, and a petabyte: beyond these a figure is a fault of whoever sent it.
  public static let mostMilliseconds = 1e9
  public static let mostBytes = 1_000_000_000_000_000

  /// What cannot be true of these figures, in words with the value; nil when nothing is wrong with them.
  ///
  /// What is not a number is not known, as much of what other programs measured: no fault. A block without a finished
  /// request has no latencies: those are then not looked at.
  public var fault: String? {
    func wrong(_ name: String, _ value: Double, atLeast least: Double, atMost most: Double) -> String? {
      value < least || value > most ? "\(name) is \(value)" : nil
    }
    let counts = [requestCount, failedRequestCount, promptTokenCount, outputTokenCount]
    if let negative = counts.first(where: { $0 < 0 }) { return "a count is \(negative)" }
    let seconds = Self.mostMilliseconds / 1000
    if let fault = wrong("wall_seconds", wallSeconds, atLeast: 0, atMost: seconds)
      ?? wrong("load_seconds", loadSeconds, atLeast: 0, atMost: seconds)
      ?? energyJoules.flatMap({ wrong("energy_joules", $0, atLeast: 0, atMost: 1e11) })
      ?? acceptanceRate.flatMap({ wrong("acceptance_rate", $0, atLeast: 0, atMost: 1) })
    {
      return fault
    }
    if let bytes = peakMemoryBytes, !(0...Self.mostBytes).contains(bytes) { return "peak_memory_bytes is \(bytes)" }
    guard requestCount > 0 else { return nil }
    for (name, latency) in [("ttft", ttft), ("itl", itl), ("tpot", tpot), ("e2e", e2e)] {
      for (kind, value) in [
        ("mean", latency.meanMS), ("p50", latency.p50MS), ("p90", latency.p90MS), ("p99", latency.p99MS),
      ] {
        if let fault = wrong("\(name)_\(kind)_ms", value, atLeast: 0, atMost: Self.mostMilliseconds) { return fault }
      }
    }
    if outputTokenCount > 0, wallSeconds == 0 { return "\(outputTokenCount) tokens came in 0 seconds" }
    return nil
  }
}

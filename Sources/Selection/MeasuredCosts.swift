import Glibc
import Serving

/// Reads the costs out of a block's metrics, or refuses figures that cannot be true: one absurd row would teach the
/// selector more than a hundred honest ones.
enum MeasuredCosts {
  /// Whether a figure that is learned from is not known: of other programs' measurements it often is not, such as the time
  /// to the first token.
  static func isIncomplete(_ metrics: Metrics) -> Bool {
    metrics.fault == nil && metrics.requestCount > 0
      && [metrics.ttft.meanMS, metrics.tpot.meanMS, metrics.e2e.meanMS, metrics.throughput].contains(where: \.isNaN)
  }

  /// Nil when a figure is not known, not positive, impossible or contradicts another.
  static func read(_ metrics: Metrics) -> LogCosts? {
    guard metrics.fault == nil, metrics.requestCount > 0, metrics.ttft.meanMS > 0,
      // A mean of whole requests is never below the mean of their beginnings; the margin is for rounding.
      metrics.e2e.meanMS >= 0.999 * metrics.ttft.meanMS, !metrics.tpot.meanMS.isNaN,
      metrics.throughput > 0, metrics.throughput < Metrics.mostMilliseconds
    else { return nil }
    var costs = LogCosts()
    costs[.e2e] = log(metrics.e2e.meanMS)
    costs[.throughput] = -log(metrics.throughput)
    if !metrics.cameAtOnce {
      costs[.ttft] = log(metrics.ttft.meanMS)
      // One output token has no second one to wait for.
      if metrics.tpot.meanMS > 0 { costs[.tpot] = log(metrics.tpot.meanMS) }
    }
    // An engine that ended early has no memory figure.
    if let bytes = metrics.peakMemoryBytes, bytes > 0 { costs[.memory] = log(Double(bytes)) }
    if let joules = metrics.joulesPerToken, joules > 0 { costs[.energy] = log(joules) }
    return costs
  }
}

extension Outcome {
  /// Whether the configuration is to blame: it ran out of memory or time, or its engine broke. A lost worker or a
  /// cancelled block says nothing about it.
  var isFailureOfConfiguration: Bool {
    switch self {
    case .outOfMemory, .timedOut, .engineFailed: true
    case .completed(let metrics): metrics.requestCount == 0 && metrics.failedRequestCount > 0
    case .lostWorker, .cancelled: false
    }
  }
}

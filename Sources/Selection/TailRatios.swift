import Glibc
import Serving

/// How far the slow requests lie above the mean: the logarithm of percentile over mean, averaged over blocks.
struct TailRatios: Sendable {
  /// A block of fewer requests has no tail worth the name.
  static let leastRequests = 4
  static let percentiles = [50, 90, 99]

  private var means = SIMD16<Float>.zero
  private(set) var count: Int32 = 0

  /// Adds a block; a block without usable figures is left out.
  mutating func add(_ metrics: Metrics) {
    var values = SIMD16<Float>.zero
    for (place, metric) in SLO.Metric.allCases.enumerated() {
      let summary = Self.summary(metrics, metric)
      // Gaps between tokens are foreseen through TPOT, the metric the selector has.
      let mean = metric == .itl ? metrics.tpot.meanMS : summary.meanMS
      for (offset, percentile) in Self.percentiles.enumerated() {
        let ratio = summary.value(percentile: percentile) / mean
        values[place * Self.percentiles.count + offset] =
          ratio.isFinite && ratio > 0 ? Float(log(ratio)) : 0
      }
    }
    count += 1
    means += (values - means) / Float(count)
  }

  /// Percentile over mean; nil before the first block or for a percentile that is not kept.
  func ratio(_ metric: SLO.Metric, percentile: Int) -> Double? {
    guard count > 0, let offset = Self.percentiles.firstIndex(of: percentile),
      let place = SLO.Metric.allCases.firstIndex(of: metric)
    else { return nil }
    return exp(Double(means[place * Self.percentiles.count + offset]))
  }

  private static func summary(_ metrics: Metrics, _ metric: SLO.Metric) -> LatencySummary {
    switch metric {
    case .ttft: metrics.ttft
    case .tpot: metrics.tpot
    case .itl: metrics.itl
    case .e2e: metrics.e2e
    }
  }
}

extension SLO.Metric {
  /// The metric whose mean the selector foresees.
  var cost: CostMetric {
    switch self {
    case .ttft: .ttft
    case .tpot, .itl: .tpot
    case .e2e: .e2e
    }
  }
}

public import Serving

/// Requests per second that meet every limit (Zhong et al.: DistServe, OSDI 2024).
public enum Goodput {
  /// - Returns: good requests over the block's wall time; without limits every finished request is good.
  public static func requestsPerSecond(
    of samples: [RequestTimeline], meeting limits: [SLO], wallSeconds: Double
  ) -> Double {
    guard wallSeconds > 0 else { return 0 }
    return Double(samples.count { isGood($0, limits) }) / wallSeconds
  }

  /// Whether one request finished well and meets every limit.
  ///
  /// A limit's percentile is over a block's requests; a single request has one TTFT, TPOT and E2E, which must be within
  /// the limit. It has many gaps between tokens, so there the percentile is taken over the request's own gaps.
  public static func isGood(_ sample: RequestTimeline, _ limits: [SLO]) -> Bool {
    guard sample.failure == nil, sample.ttftSeconds != nil else { return false }
    return limits.allSatisfy { limit in
      let seconds: Double? =
        switch limit.metric {
        case .ttft: sample.ttftSeconds
        case .tpot: sample.tpotSeconds
        case .e2e: sample.e2eSeconds
        case .itl:
          sample.gapSeconds.isEmpty
            ? nil : Percentile.nearestRank(Double(limit.percentile), ofSorted: sample.gapSeconds.sorted())
        }
      // A request of one token has no gaps, so nothing of it is too slow.
      return (seconds ?? 0) * 1000 <= limit.limitMS
    }
  }
}

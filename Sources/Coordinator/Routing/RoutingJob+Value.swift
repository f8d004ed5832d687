import Serving

/// What a way to run a job is worth to the job.
extension RoutingJob {
  /// How much more a second before the first token weighs than one after it, where the whole is what counts: a reader
  /// waits for the first, and reads along with the others.
  static let firstTokenWeight = 2.0

  /// What its objective counts of an option: less is better.
  func value(_ option: RouteOption, price: Double?) -> Double {
    switch objective {
    case .ttft: option.ttft
    // Its first token matters too, ten times less than it does to the whole.
    case .tpot: option.tpot * option.outputTokens + option.ttft / 10
    case .e2e, .throughput, .goodput: option.e2e + Self.firstTokenWeight * option.ttft
    // Price before time; but whoever asks for it does not wait behind a queue while another is free.
    case .cost, .energy: option.wait > 0 ? 1e9 + option.wait : price ?? 1e6 + option.e2e
    }
  }

  var delayWeight: Double { objective.delayWeight }

  /// Whether an option is foreseen to miss the deadline or a limit on a latency.
  func isLate(_ option: RouteOption, at now: Double) -> Bool {
    if let deadline, now + option.e2e > deadline { return true }
    for slo in slos {
      let seconds =
        switch slo.metric {
        case .ttft: option.ttft
        case .tpot, .itl: option.tpot
        case .e2e: option.e2e
        }
      if seconds * 1000 > slo.limitMS { return true }
    }
    return false
  }
}

extension Objective {
  /// What a job's `value` grows by with each second before its work begins: the wait, and the engine's load. 0 where the
  /// objective is no time.
  var delayWeight: Double {
    switch self {
    case .ttft: 1
    case .tpot: 0.1
    case .e2e, .throughput, .goodput: 1 + RoutingJob.firstTokenWeight
    case .cost, .energy: 0
    }
  }
}

import Glibc
import Serving

/// What counts in a choice: less is better.
enum CountedCost {
  /// Milliseconds of a whole request.
  case e2e
  /// Device-seconds for an output token: choices between numbers of devices go by throughput for each device, and an
  /// error of it is one of the throughput.
  case deviceSeconds

  var objective: Objective {
    switch self {
    case .e2e: .e2e
    case .deviceSeconds: .throughput
    }
  }

  /// Nil for what did not complete.
  func measured(_ block: Measurement) -> Double? {
    block.outcome.metrics.map {
      switch self {
      case .e2e: $0.e2e.meanMS
      case .deviceSeconds: Double(max(1, block.hardware.accelerators.count)) / $0.throughput
      }
    }
  }

  /// Nil where the selector cannot say.
  func foreseen(_ ranked: RankedCandidate, on hardware: HardwareProfile) -> Double? {
    switch self {
    case .e2e: ranked.predicted.e2eMS
    case .deviceSeconds: ranked.predicted.throughput.map { Double(max(1, hardware.accelerators.count)) / $0 }
    }
  }
}

extension CountedCost {
  /// Geometric mean of a candidate's blocks.
  func measured(_ candidate: Candidate, _ blocks: [Measurement]) -> Double {
    let logs = blocks.filter { $0.configuration == candidate.configuration }.compactMap { measured($0).map { log($0) } }
    return exp(logs.reduce(0, +) / Double(logs.count))
  }
}

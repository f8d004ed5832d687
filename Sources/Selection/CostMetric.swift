import Glibc
public import Serving

/// A figure the selector foresees. Everything inside is the logarithm of a cost: less is better for all of them, equal
/// differences are equal ratios, and throughput's cost is its inverse.
public enum CostMetric: Int, CaseIterable, Sendable {
  case ttft, tpot, e2e, throughput, memory, energy

  /// The spelling in a model file.
  public var name: String {
    switch self {
    case .ttft: "ttft_ms"
    case .tpot: "tpot_ms"
    case .e2e: "e2e_ms"
    case .throughput: "seconds_per_output_token"
    case .memory: "memory_bytes"
    case .energy: "joules_per_output_token"
    }
  }

  public init(_ objective: Objective) {
    switch objective {
    case .ttft: self = .ttft
    case .tpot: self = .tpot
    case .e2e: self = .e2e
    // Requests are of one shape within a workload, so requests per second rise and fall with tokens per second.
    case .throughput, .goodput: self = .throughput
    // Money is time on a node times its price: nothing of its own to learn.
    case .cost: self = .throughput
    case .energy: self = .energy
    }
  }

  /// The figure in its own unit (ms, tokens per second, bytes, joules) from the logarithm of its cost.
  public func value(logCost: Double) -> Double {
    self == .throughput ? exp(-logCost) : exp(logCost)
  }

  /// The same of an interval.
  func interval(logCost: ClosedRange<Double>) -> ClosedRange<Double> {
    let ends = (value(logCost: logCost.lowerBound), value(logCost: logCost.upperBound))
    return min(ends.0, ends.1)...max(ends.0, ends.1)
  }
}

/// The logarithm of each metric's cost; NaN where there is none (no second token, no energy counter).
struct LogCosts: Hashable, Sendable {
  var lanes = SIMD8<Float>(repeating: .nan)

  init() {}
  init(_ lanes: SIMD8<Float>) { self.lanes = lanes }

  subscript(_ metric: CostMetric) -> Double {
    get { Double(lanes[metric.rawValue]) }
    set { lanes[metric.rawValue] = Float(newValue) }
  }
}

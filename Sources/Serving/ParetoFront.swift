import Glibc

/// What strategies are weighed against each other by.
public enum FrontAxis: String, Codable, Sendable, CaseIterable {
  case ttft, tpot, e2e, throughput, memory
  /// Nats per token that are lost against the engine's default.
  case quality
  /// Price of a million tokens.
  case cost
  case energy

  /// What most people weigh. Quality counts where it was measured.
  public static let usual: [FrontAxis] = [.ttft, .throughput, .memory, .quality]

  public var isMaximized: Bool { self == .throughput }

  /// A candidate's figure; nil where it is not known. What is exact loses nothing; what is approximate and was not
  /// measured may lose anything.
  public func value(_ ranked: RankedCandidate) -> Double? {
    switch self {
    case .ttft: ranked.predicted.ttftMS
    case .tpot: ranked.predicted.tpotMS
    case .e2e: ranked.predicted.e2eMS
    case .throughput: ranked.predicted.throughput
    case .memory: ranked.predicted.memoryBytes.map { Double($0) }
    case .quality: ranked.quality?.divergence ?? (ranked.candidate.fidelity == .exact ? 0 : nil)
    case .cost: ranked.predicted.costPerMillionTokens
    case .energy: ranked.predicted.joulesPerToken
    }
  }
}

/// The strategies that no other one beats in everything: whoever wants less of one figure pays with another.
public struct ParetoFront: Hashable, Codable, Sendable {
  /// The axes that were weighed: those asked for that any candidate has a figure for.
  public var axes: [FrontAxis]
  /// The other ones that were asked for: no candidate has a figure for them.
  public var unknownAxes: [FrontAxis]
  /// Places in `Recommendation.candidates`, by the first axis, best first.
  public var places: [Int]
  /// Applicable candidates left out because a figure of theirs is not known.
  public var incomparableCount: Int

  public init(axes: [FrontAxis], unknownAxes: [FrontAxis] = [], places: [Int], incomparableCount: Int = 0) {
    self.axes = axes
    self.unknownAxes = unknownAxes
    self.places = places
    self.incomparableCount = incomparableCount
  }

  /// Figures closer than this, as a logarithm, are equal: nobody pays 1% more memory for 0.1% less time.
  static let step = 0.01
  /// The same for a quality loss, in nats per token.
  static let qualityStep = 0.001

  /// Among candidates with equal figures the first one stays. Empty where nothing that was asked for is known.
  ///
  /// - Parameter candidates: best first; refused ones are passed over.
  public init(_ candidates: [RankedCandidate], axes asked: [FrontAxis]) {
    let applicable = candidates.indices.filter { candidates[$0].candidate.isApplicable }
    axes = asked.filter { axis in applicable.contains { axis.value(candidates[$0]) != nil } }
    let weighed = axes
    unknownAxes = asked.filter { !weighed.contains($0) }
    var points: [(place: Int, levels: [Int])] = []
    for place in applicable where !weighed.isEmpty {
      let levels = weighed.compactMap { axis in axis.value(candidates[place]).map { Self.level($0, axis) } }
      if levels.count == weighed.count { points.append((place, levels)) }
    }
    incomparableCount = applicable.count - points.count
    places = points.filter { point in
      !points.contains { other in
        let isNoWorse = zip(other.levels, point.levels).allSatisfy { $0 <= $1 }
        return isNoWorse && (other.levels != point.levels || other.place < point.place)
      }
    }
    .sorted { ($0.levels.first ?? 0, $0.place) < ($1.levels.first ?? 0, $1.place) }
    .map(\.place)
  }

  /// A figure as a number of steps, less being better: equal within a step, so that one front follows whatever the order.
  private static func level(_ value: Double, _ axis: FrontAxis) -> Int {
    guard axis != .quality else { return Int((min(value, 1e9) / qualityStep).rounded()) }
    guard value > 0, value.isFinite else { return value > 0 ? .max : .min }
    let steps = Int((log(value) / step).rounded())
    return axis.isMaximized ? -steps : steps
  }
}

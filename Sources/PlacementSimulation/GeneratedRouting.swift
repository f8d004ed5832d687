public import ExpertPlacement
public import Serving

/// Routings of the kinds that are known from models, made from a seed.
public enum GeneratedRouting: String, CaseIterable, Sendable {
  /// All experts alike.
  case uniform
  /// Popularity falls with the rank (Zipf's law, exponent 1).
  case zipf
  /// Groups of experts that are used together.
  case clustered
  /// Both.
  case clusteredZipf = "clustered_zipf"

  /// One layer.
  public func trace(tokenCount: Int, expertCount: Int, topK: Int, seed: UInt64) -> RoutingTrace {
    var generator = SeededGenerator(seed: seed)
    let order = (0..<expertCount).shuffled(using: &generator)
    let isSkewed = self == .zipf || self == .clusteredZipf
    let isClustered = self == .clustered || self == .clusteredZipf
    let popularity = order.map { isSkewed ? 1 / Double($0 + 1) : 1 }
    let groupCount = max(2, expertCount / 8)
    let group = (0..<expertCount).shuffled(using: &generator).map { $0 % groupCount }
    var ids: [UInt16] = []
    ids.reserveCapacity(tokenCount * topK)
    for _ in 0..<tokenCount {
      let own = Int.random(in: 0..<groupCount, using: &generator)
      let weights = popularity.indices.map { popularity[$0] * (isClustered && group[$0] == own ? 20 : 1) }
      ids += Self.draw(topK, weights, &generator)
    }
    guard let trace = try? RoutingTrace(layerCount: 1, topK: topK, expertCount: expertCount, experts: ids) else {
      preconditionFailure("a generated routing is a valid one")
    }
    return trace
  }

  /// Counts of many layers whose experts' popularity falls with the rank, in another order in each.
  public static func load(layerCount: Int, expertCount: Int, seed: UInt64) throws(ApusError) -> ExpertLoad {
    var generator = SeededGenerator(seed: seed)
    return try ExpertLoad(
      (0..<layerCount).map { _ in
        let ranks = (0..<expertCount).shuffled(using: &generator)
        return ranks.map { (1e6 / Double($0 + 8)).rounded() }
      })
  }

  /// Different experts, each in proportion to what weight is left.
  private static func draw(_ count: Int, _ weights: [Double], _ generator: inout SeededGenerator) -> [UInt16] {
    var left = weights
    var sum = weights.reduce(0, +)
    return (0..<count).map { _ in
      var rest = Double.random(in: 0..<1, using: &generator) * sum
      var chosen = left.lastIndex { $0 > 0 }!
      for (expert, weight) in left.enumerated() where weight > 0 {
        rest -= weight
        if rest < 0 {
          chosen = expert
          break
        }
      }
      sum -= left[chosen]
      left[chosen] = 0
      return UInt16(chosen)
    }
  }
}

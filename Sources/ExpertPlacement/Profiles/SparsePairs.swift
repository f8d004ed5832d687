/// How often experts go together, the strongest pairs of each only: of 64 experts, the 7 favourite partners of one have half
/// of its pairs.
public struct SparsePairs: Hashable, Sendable {
  public struct Pair: Hashable, Sendable {
    public var other: Int
    public var count: Double
  }

  /// `[expert]`: at most `limit` others, the strongest first.
  public private(set) var partners: [[Pair]]
  public let limit: Int

  /// - Parameter dense: `[expert * expertCount + other]`.
  init(_ dense: [Float], expertCount: Int, limit: Int) {
    self.limit = limit
    partners = (0..<expertCount).map { expert in
      let row = (0..<expertCount).map { Pair(other: $0, count: Double(dense[expert * expertCount + $0])) }
      return Self.strongest(row, limit)
    }
  }

  /// What was seen before fades, what came now is added.
  func fading(by decay: Double, adding next: SparsePairs) -> SparsePairs {
    var merged = self
    for expert in partners.indices {
      var counts: [Int: Double] = [:]
      for pair in partners[expert] { counts[pair.other] = pair.count * decay }
      for pair in next.partners[expert] { counts[pair.other, default: 0] += pair.count }
      merged.partners[expert] = Self.strongest(counts.map { Pair(other: $0.key, count: $0.value) }, limit)
    }
    return merged
  }

  private static func strongest(_ pairs: [Pair], _ limit: Int) -> [Pair] {
    Array(pairs.filter { $0.count > 0 }.sorted { ($0.count, $1.other) > ($1.count, $0.other) }.prefix(limit))
  }
}

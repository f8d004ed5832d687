public import Serving

/// Which experts of a layer stay in fast memory that has room for only some of them. The seam: one file for each in
/// Caching/, all in `ExpertCachePolicies.all`.
public protocol ExpertCachePolicy: Sendable {
  /// As on the command line.
  var name: String { get }
  /// One line for people.
  var summary: String { get }
  /// Whether it knows what comes, so that loads can begin while the layer before is computed.
  var prefetches: Bool { get }

  /// The policy's memory of one layer.
  ///
  /// - Parameter steps: the experts of each batch of the layer, for policies that know the routes ahead.
  func eviction(expertCount: Int, steps: [[Int]]) -> any ExpertEviction
}

/// Chooses who makes room.
public protocol ExpertEviction {
  /// An expert was needed in a step, whether it was there or not.
  mutating func used(_ expert: Int, at step: Int)
  /// Who makes room for an expert that was just loaded; nil when the newcomer is not worth keeping.
  ///
  /// - Parameter resident: in no order, at least one, none of them needed in this step.
  mutating func victim(for newcomer: Int, among resident: [Int], at step: Int) -> Int?
}

/// Every cache policy. A new one is a file in Caching/ and a line here.
public enum ExpertCachePolicies {
  public static let all: [any ExpertCachePolicy] = [
    LeastRecentlyUsedExperts(), LeastFrequentlyUsedExperts(), LookaheadExperts(),
  ]

  /// - Throws: `badInput` naming those there are.
  public static func named(_ name: String) throws(ApusError) -> any ExpertCachePolicy {
    if let policy = all.first(where: { $0.name == name }) { return policy }
    throw ApusError(
      .badInput, "there is no cache policy \(name)", advice: "one of " + all.map(\.name).joined(separator: ", "))
  }
}

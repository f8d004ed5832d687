/// Whoever was not needed for longest makes room.
public struct LeastRecentlyUsedExperts: ExpertCachePolicy {
  public let name = "lru"
  public let summary = "keeps what was used last"
  public let prefetches = false

  public init() {}

  public func eviction(expertCount: Int, steps: [[Int]]) -> any ExpertEviction {
    Eviction(lastUse: [Int](repeating: -1, count: expertCount))
  }

  private struct Eviction: ExpertEviction {
    var lastUse: [Int]

    mutating func used(_ expert: Int, at step: Int) { lastUse[expert] = step }

    mutating func victim(for newcomer: Int, among resident: [Int], at step: Int) -> Int? {
      resident.min { (lastUse[$0], $0) < (lastUse[$1], $1) }
    }
  }
}

import Glibc

/// Whoever was needed least often makes room, where a use counts half as much after `halfLifeSteps`: a workload changes.
public struct LeastFrequentlyUsedExperts: ExpertCachePolicy {
  public let name = "lfu"
  public let summary = "keeps what was used most often, older uses counting less"
  public let prefetches = false
  static let halfLifeSteps = 256.0

  public init() {}

  public func eviction(expertCount: Int, steps: [[Int]]) -> any ExpertEviction {
    Eviction(
      weights: [Double](repeating: 0, count: expertCount), growth: Self.growthPerStep, scale: 1, step: 0)
  }

  /// Rather than all weights shrinking at each step, that of a new use grows.
  private static let growthPerStep = exp2(1 / halfLifeSteps)

  private struct Eviction: ExpertEviction {
    /// Beyond it all weights are brought down again.
    static let largestScale = 1e100

    var weights: [Double]
    let growth: Double
    var scale: Double
    var step: Int

    mutating func used(_ expert: Int, at step: Int) {
      while self.step < step {
        self.step += 1
        scale *= growth
      }
      if scale > Self.largestScale {
        for index in weights.indices { weights[index] /= scale }
        scale = 1
      }
      weights[expert] += scale
    }

    mutating func victim(for newcomer: Int, among resident: [Int], at step: Int) -> Int? {
      guard let least = resident.min(by: { (weights[$0], $0) < (weights[$1], $1) }) else { return nil }
      return weights[least] <= weights[newcomer] ? least : nil
    }
  }
}

/// Whoever is needed again last makes room (Belady, IBM Systems Journal 5(2), 1966), as far as the routes are known ahead.
///
/// A router that runs before the layers, as Read-ME's pre-gating (NeurIPS 2024), knows the routes of every token that waits.
public struct LookaheadExperts: ExpertCachePolicy {
  public let name = "lookahead"
  public let summary = "keeps what is needed soonest, with the routes of waiting tokens known (Belady)"
  public let prefetches = true
  /// Batches whose routes are known; what is needed later counts as never, the longest unused first.
  public let windowSteps: Int

  public init(windowSteps: Int = .max) { self.windowSteps = max(1, windowSteps) }

  public func eviction(expertCount: Int, steps: [[Int]]) -> any ExpertEviction {
    var uses = [[Int]](repeating: [], count: expertCount)
    for (step, experts) in steps.enumerated() {
      for expert in experts { uses[expert].append(step) }
    }
    return Eviction(
      uses: uses, nextUse: [Int](repeating: 0, count: expertCount), lastUse: [Int](repeating: -1, count: expertCount),
      windowSteps: windowSteps)
  }

  private struct Eviction: ExpertEviction {
    /// `[expert]`: the steps that need it, in order.
    let uses: [[Int]]
    /// `[expert]`: the place in `uses` of the next.
    var nextUse: [Int]
    var lastUse: [Int]
    let windowSteps: Int

    mutating func used(_ expert: Int, at step: Int) { lastUse[expert] = step }

    mutating func victim(for newcomer: Int, among resident: [Int], at step: Int) -> Int? {
      var latest: (expert: Int, key: (Int, Int))?
      for expert in resident {
        let key = (distance(expert, step), step - lastUse[expert])
        if latest.map({ key > $0.key }) ?? true { latest = (expert, key) }
      }
      guard let latest, latest.key.0 >= distance(newcomer, step) else { return nil }
      return latest.expert
    }

    /// Steps until it is needed after this one; `.max` when nobody knows of a need.
    private mutating func distance(_ expert: Int, _ step: Int) -> Int {
      while nextUse[expert] < uses[expert].count, uses[expert][nextUse[expert]] <= step { nextUse[expert] += 1 }
      guard nextUse[expert] < uses[expert].count else { return .max }
      let distance = uses[expert][nextUse[expert]] - step
      return distance <= windowSteps ? distance : .max
    }
  }
}

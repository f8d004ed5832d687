/// What the engine's own counters say against a block's figures, or of why they are as they are.
extension SampleWarnings {
  /// Output tokens that the engine's count may differ by: drafts that were accepted beyond a request's end.
  static let tokenSlackShare = 0.1
  /// Share of the slots that the workload can fill, and of the prefix that its requests share, below which something
  /// keeps the engine from using them; chosen.
  static let leastUsedShare = 0.5

  static func counterWarnings(_ block: BlockConditions) -> [String] {
    guard let counted = block.counted else { return [] }
    return [strangers(block, counted), idleSlots(block, counted), coldCache(block, counted)].compactMap { $0 }
  }

  /// Tokens that the engine made for others, or that another server made for us. A failed request leaves its tokens with
  /// the engine only.
  private static func strangers(_ block: BlockConditions, _ counted: EngineCounters) -> String? {
    guard let made = counted.outputTokenCount, block.samples.allSatisfy({ $0.failure == nil }) else { return nil }
    let received = block.samples.reduce(0) { $0 + $1.outputTokenCount }
    guard Double(abs(made - received)) > tokenSlackShare * Double(received) + 16 else { return nil }
    return """
      the engine counted \(made) output tokens where the requests brought \(received): somebody else used it, or it \
      was not the one that answered; repeat the block with the engine left alone
      """
  }

  /// In a closed loop there is always a request for every slot.
  private static func idleSlots(_ block: BlockConditions, _ counted: EngineCounters) -> String? {
    let usable = min(block.slotCount, block.workload.concurrency)
    guard usable > 1, block.workload.arrivalRate == nil, block.samples.count >= 2 * usable,
      let busy = counted.busySlotsPerStep, busy < leastUsedShare * Double(usable)
    else { return nil }
    return """
      a step of the engine served \((10 * busy).rounded() / 10) of \(usable) slots on average: \
      prompts are read while the others wait; fewer slots may do as well
      """
  }

  private static func coldCache(_ block: BlockConditions, _ counted: EngineCounters) -> String? {
    let shared = block.workload.sharedPrefixShare
    guard shared > 0, block.samples.count > 1, let cached = counted.cachedShare, cached < leastUsedShare * shared
    else { return nil }
    return """
      \(percent(cached)) of the prompt tokens came from the engine's cache where requests share \(percent(shared)): \
      each slot reads a prefix for itself; try fewer slots, or prefix caching
      """
  }
}

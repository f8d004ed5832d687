/// Which tokens pass the layers together.
public enum TokenBatches {
  /// In the order they came.
  public static func inOrder(tokenCount: Int, batchSize: Int) -> [[Int]] {
    precondition(batchSize > 0, "a batch has tokens")
    return stride(from: 0, to: tokenCount, by: batchSize).map { Array($0..<min($0 + batchSize, tokenCount)) }
  }

  /// Tokens that need the same experts together, so that a batch needs fewer (expert-aware batching; Read-ME, NeurIPS 2024).
  ///
  /// Every batch begins with the token that waits longest, so none waits for more than `window` batches. The others are those
  /// of the waiting ones that add the fewest experts, over all layers. O(tokens x window x layers x top-k).
  ///
  /// - Parameter window: tokens that wait and whose routes are known, at least a batch.
  public static func expertAware(_ trace: RoutingTrace, batchSize: Int, window: Int) -> [[Int]] {
    precondition(batchSize > 0 && window >= batchSize, "a window holds a batch")
    var waiting: [Int] = []
    var next = 0
    var batches: [[Int]] = []
    var isNeeded = [Bool](repeating: false, count: trace.layerCount * trace.expertCount)
    while next < trace.tokenCount || !waiting.isEmpty {
      while waiting.count < window, next < trace.tokenCount {
        waiting.append(next)
        next += 1
      }
      for index in isNeeded.indices { isNeeded[index] = false }
      var batch: [Int] = []
      var place = 0
      while batch.count < batchSize, !waiting.isEmpty {
        let token = waiting.remove(at: place)
        batch.append(token)
        need(token, of: trace, &isNeeded)
        var fewest = Int.max
        for (index, other) in waiting.enumerated() {
          let added = addedCount(other, of: trace, isNeeded, below: fewest)
          if added < fewest { (fewest, place) = (added, index) }
        }
      }
      batches.append(batch)
    }
    return batches
  }

  private static func need(_ token: Int, of trace: RoutingTrace, _ isNeeded: inout [Bool]) {
    for layer in 0..<trace.layerCount {
      for expert in trace.experts(layer: layer, token: token) {
        isNeeded[layer * trace.expertCount + Int(expert)] = true
      }
    }
  }

  /// Experts that a token needs and the batch does not yet; stops counting at `limit`.
  private static func addedCount(_ token: Int, of trace: RoutingTrace, _ isNeeded: [Bool], below limit: Int) -> Int {
    var count = 0
    for layer in 0..<trace.layerCount {
      for expert in trace.experts(layer: layer, token: token) where !isNeeded[layer * trace.expertCount + Int(expert)] {
        count += 1
      }
      if count >= limit { return limit }
    }
    return count
  }
}

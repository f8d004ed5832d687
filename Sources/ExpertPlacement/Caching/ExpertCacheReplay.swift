/// What a cache of experts does on a recorded trace, every layer with a cache of its own.
public struct ExpertCacheReplay: Hashable, Sendable {
  /// Experts needed, over all batches and layers: each once for a batch.
  public private(set) var neededCount = 0
  public private(set) var loadedCount = 0
  public let tokenCount: Int
  public let batchCount: Int
  /// Loads of each batch, over all layers, in the order of the batches.
  public private(set) var loadsOfBatch: [Int]
  /// Milliseconds that each batch waits for loads, when loading one takes a known time; nil when it is not known.
  public private(set) var stallMSOfBatch: [Double]?

  /// Share of needed experts that were there.
  public var hitRate: Double { neededCount > 0 ? 1 - Double(loadedCount) / Double(neededCount) : 1 }
  public var loadsPerToken: Double { Double(loadedCount) / Double(tokenCount) }
  public var neededPerBatch: Double { Double(neededCount) / Double(batchCount) }

  /// - Parameters:
  ///   - batches: the tokens of each batch, in order.
  ///   - capacity: experts of each layer that fit.
  ///   - loadMS: to load one expert.
  ///   - computeMS: of one layer for one batch: a policy that knows what comes loads during the layer before.
  public init(
    _ trace: RoutingTrace, batches: [[Int]], policy: any ExpertCachePolicy, capacity: Int, loadMS: Double? = nil,
    computeMS: Double = 0
  ) {
    precondition(capacity > 0, "a cache holds something")
    tokenCount = batches.reduce(0) { $0 + $1.count }
    batchCount = batches.count
    loadsOfBatch = [Int](repeating: 0, count: batches.count)
    var stalls = [Double](repeating: 0, count: batches.count)
    for layer in 0..<trace.layerCount {
      let steps = batches.map { Self.experts(of: $0, layer, trace) }
      var eviction = policy.eviction(expertCount: trace.expertCount, steps: steps)
      var resident: Set<Int> = []
      for (step, needed) in steps.enumerated() {
        for expert in needed { eviction.used(expert, at: step) }
        let missing = needed.filter { !resident.contains($0) }
        neededCount += needed.count
        loadedCount += missing.count
        loadsOfBatch[step] += missing.count
        let load = Double(missing.count) * (loadMS ?? 0)
        stalls[step] += policy.prefetches ? max(0, load - computeMS) : load
        let pinned = Set(needed)
        for expert in missing {
          if resident.count >= capacity {
            let candidates = resident.subtracting(pinned).sorted()
            // More are needed at once than fit: the newcomer is used and let go of.
            guard !candidates.isEmpty, let victim = eviction.victim(for: expert, among: candidates, at: step) else {
              continue
            }
            resident.remove(victim)
          }
          resident.insert(expert)
        }
      }
    }
    stallMSOfBatch = loadMS.map { _ in stalls }
  }

  private static func experts(of batch: [Int], _ layer: Int, _ trace: RoutingTrace) -> [Int] {
    var needed: Set<Int> = []
    for token in batch {
      for expert in trace.experts(layer: layer, token: token) { needed.insert(Int(expert)) }
    }
    return needed.sorted()
  }
}

public import Serving

/// How fast one thread of this machine computes a model's experts.
public enum ExpertSpeed {
  /// Operations a second, the best of a few products with 256 rows. Blocks the caller for a second at most.
  public static func operationsPerSecond(_ model: MoEModelFile) throws(ApusError) -> Double {
    let bench = ExpertBench(emulated: nil, computing: .experts)
    let key = ExpertKey(layer: 0, expert: 0, cut: 0..<model.intermediateSize)
    bench.shelf.put(try model.expert(key), for: key)
    let count = 256
    let work = ExpertWork(
      layer: 0, cut: key.cut, hiddenSize: model.hiddenSize,
      rows: [UInt16](repeating: HalfFloats.half(0.5), count: count * model.hiddenSize),
      pairRows: (0..<Int32(count)).map { $0 }, pairExperts: [UInt16](repeating: 0, count: count),
      pairGates: [Float](repeating: 1, count: count))
    var best = Double.infinity
    let start = ContinuousClock.now
    repeat {
      best = min(best, try bench.run(work, queuedAt: .now).processorSeconds)
    } while (ContinuousClock.now - start).seconds < 0.5
    return Double(count) * model.geometry.operationsPerToken / max(best, 1e-9)
  }
}

public import Serving

/// Node models from what was measured: the medians of each node's blocks and jobs with one request at a time.
///
/// How much requests slow each other comes from its blocks with several at once; where there are none, the usual is
/// taken.
public enum FittedCluster {
  private static let least = 3

  /// - Parameters:
  ///   - measurements: of one model, or of models alike.
  ///   - slotCount: jobs at once; the history does not hold what workers said of themselves.
  /// - Returns: a model for each worker with at least three completed measurements, by name.
  public static func nodes(from measurements: [Measurement], slotCount: Int) -> [NodeModel] {
    Dictionary(grouping: measurements, by: \.worker).sorted { $0.key < $1.key }.compactMap { worker, own in
      node(worker.rawValue, own, slotCount)
    }
  }

  private static func node(_ name: String, _ measurements: [Measurement], _ slotCount: Int) -> NodeModel? {
    let completed = measurements.compactMap { measurement in
      measurement.outcome.metrics.flatMap { $0.requestCount > 0 ? (measurement.workload, $0) : nil }
    }
    let single = completed.filter { $0.0.concurrency == 1 && $0.0.arrivalRate == nil }
    let prefill = single.compactMap { workload, metrics -> Double? in
      metrics.ttft.p50MS > 0 ? workload.meanPromptTokens / (metrics.ttft.p50MS / 1000) : nil
    }
    let decode = single.compactMap { $1.tpot.p50MS > 0 ? 1000 / $1.tpot.p50MS : nil }
    guard prefill.count >= least, decode.count >= least, let prefillRate = median(prefill),
      let decodeRate = median(decode)
    else { return nil }
    let contention = completed.compactMap { workload, metrics -> Double? in
      guard workload.concurrency > 1, metrics.tpot.p50MS > 0 else { return nil }
      return max(0, metrics.tpot.p50MS / 1000 * decodeRate - 1) / Double(workload.concurrency - 1)
    }
    let usual = NodeModel(name: name, prefillRate: 1, decodeRate: 1)
    return NodeModel(
      name: name, prefillRate: prefillRate, decodeRate: decodeRate, slotCount: slotCount,
      contention: median(contention) ?? usual.contention,
      loadSeconds: median(completed.map(\.1.loadSeconds).filter { $0 > 0 }) ?? usual.loadSeconds)
  }

  private static func median(_ values: [Double]) -> Double? { SimulationResult.percentile(0.5, values) }
}

public import Serving

/// The three maps that DeepSeek's `eplb.rebalance_experts` returns (github.com/deepseek-ai/EPLB), as JSON: `phy2log`
/// `[layer][slot]`, `log2phy` `[layer][expert][copy]` filled up with -1, `logcnt` `[layer][expert]`.
public struct EPLBExport: PlacementExport {
  public let name = "eplb"
  public let summary = "JSON with the maps that DeepSeek's EPLB returns: phy2log, log2phy, logcnt"

  public init() {}

  public func text(
    of plan: PlacementPlan, for cluster: PlacementCluster, firstLayer: Int
  ) throws(ApusError) -> String {
    let slots = try PhysicalSlots(plan, cluster: cluster, engine: "EPLB")
    let places = slots.experts.map { layer in
      layer.enumerated().reduce(into: [[Int]](repeating: [], count: plan.expertCount)) {
        $0[$1.element].append($1.offset)
      }
    }
    let most = places.joined().map(\.count).max() ?? 0
    let padded = places.map { layer in
      "[" + layer.map { NumberRows.list($0 + [Int](repeating: -1, count: most - $0.count)) }.joined(separator: ", ")
        + "]"
    }
    return """
      {
        "phy2log": \(NumberRows.table(slots.experts, indent: "  ")),
        "log2phy": [
          \(padded.joined(separator: ",\n    "))
        ],
        "logcnt": \(NumberRows.table(places.map { $0.map(\.count) }, indent: "  "))
      }
      """
  }
}

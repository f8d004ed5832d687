public import Serving

/// SGLang's `--init-expert-location FILE.json` (0.5.x, `srt/eplb/expert_location.py`): `physical_to_logical_map`, a row for each
/// of the model's layers, a column for each slot, slots numbered rank by rank.
///
/// Rows of layers before the first with experts are SGLang's own trivial ones. It spreads an expert's tokens evenly over its
/// copies, whatever their planned shares.
public struct SGLangExport: PlacementExport {
  public let name = "sglang"
  public let summary = "JSON for SGLang 0.5: --init-expert-location FILE.json --ep-num-redundant-experts SLOTS-EXPERTS"

  public init() {}

  public func text(
    of plan: PlacementPlan, for cluster: PlacementCluster, firstLayer: Int
  ) throws(ApusError) -> String {
    let slots = try PhysicalSlots(plan, cluster: cluster, engine: "SGLang")
    let trivial = (0..<slots.slotCount).map { $0 % plan.expertCount }
    let rows = [[Int]](repeating: trivial, count: firstLayer) + slots.experts
    return "{\n  \"physical_to_logical_map\": \(NumberRows.table(rows, indent: "  "))\n}"
  }
}

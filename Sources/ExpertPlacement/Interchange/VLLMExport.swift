public import Serving

/// vLLM's `--eplb-config` (0.11 and later, `EPLBConfig`). vLLM takes no map: it is told how many copies there are and
/// balances them itself from its own counts.
public struct VLLMExport: PlacementExport {
  public let name = "vllm"
  public let summary = "options for vllm serve (0.11 or later), which takes the number of copies and no map"

  public init() {}

  public func text(
    of plan: PlacementPlan, for cluster: PlacementCluster, firstLayer: Int
  ) throws(ApusError) -> String {
    let slots = try PhysicalSlots(plan, cluster: cluster, engine: "vLLM")
    let redundant = slots.slotCount - plan.expertCount
    let options = "--enable-expert-parallel"
    guard redundant > 0 else { return options }
    return options + " --enable-eplb --eplb-config '{\"num_redundant_experts\": \(redundant)}'"
  }
}

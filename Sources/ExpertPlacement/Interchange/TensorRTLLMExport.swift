public import Serving

/// TensorRT-LLM's load balancer (1.x, `MoeLoadBalancerConfig`, the file named by `moe_config.load_balancer`): slots over all
/// ranks, and which expert is in each at the start, by the model's layer. `layer_updates_per_iter: 0` keeps it there.
public struct TensorRTLLMExport: PlacementExport {
  public let name = "trtllm"
  public let summary = "YAML for TensorRT-LLM 1: moe_config.load_balancer of trtllm-serve's --config"

  public init() {}

  public func text(
    of plan: PlacementPlan, for cluster: PlacementCluster, firstLayer: Int
  ) throws(ApusError) -> String {
    let slots = try PhysicalSlots(plan, cluster: cluster, engine: "TensorRT-LLM")
    let layers = slots.experts.enumerated().map { "  \(firstLayer + $0): \(NumberRows.list($1))" }
    return
      (["num_slots: \(slots.slotCount)", "initial_global_assignments:"] + layers + ["layer_updates_per_iter: 0"])
      .joined(separator: "\n")
  }
}

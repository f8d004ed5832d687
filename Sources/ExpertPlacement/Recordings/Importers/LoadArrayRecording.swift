import Serving

/// Nested JSON lists of counts: `[layer][expert]`, the `weight` of DeepSeek's `eplb.rebalance_experts`
/// (github.com/deepseek-ai/EPLB); or with further dimensions before them, which are added up, as vLLM's
/// `logical_expert_load_window` `[step][layer][expert]` (0.11 and later, vllm/distributed/eplb/eplb_state.py) after
/// `tolist()`. Also under the key `weight` or `logical_expert_load` of an object.
struct LoadArrayRecording: RoutingImporter {
  let name = "eplb"
  let summary = "JSON lists [layer][expert] or [step][layer][expert], as DeepSeek's EPLB and vLLM 0.11 have them"

  func recording(_ file: RecordingFile) throws(ApusError) -> RoutingRecording? {
    guard let tree = file.tree else { return nil }
    guard let counts = tree["logical_expert_load"] ?? tree["weight"] ?? (tree.list == nil ? nil : tree) else {
      return nil
    }
    return .load(try ExpertLoad(try counts.rows("the array")))
  }
}

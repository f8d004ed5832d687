import Serving

/// vLLM's loads step after step as they were published for the search of balancing algorithms (ADRS, `expert-load.json` of
/// OpenEvolve's eplb example): `{"load_history": [{"logical_expert_load": [layer][expert]}]}`. The steps are added up.
struct LoadHistoryRecording: RoutingImporter {
  let name = "load_history"
  let summary = "JSON with load_history, a logical_expert_load [layer][expert] for each step (ADRS, OpenEvolve)"

  func recording(_ file: RecordingFile) throws(ApusError) -> RoutingRecording? {
    guard let steps = file.tree?["load_history"]?.list else { return nil }
    var sum: [[Double]] = []
    for (number, step) in steps.enumerated() {
      guard let load = step["logical_expert_load"] else {
        throw ApusError(.badInput, "step \(number) of load_history has no logical_expert_load")
      }
      sum = try RecordingTree.adding(try load.rows("step \(number)"), to: sum, "load_history")
    }
    return .load(try ExpertLoad(sum))
  }
}

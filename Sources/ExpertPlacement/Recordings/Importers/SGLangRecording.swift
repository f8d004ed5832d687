import Serving

/// SGLang's expert distribution (0.5.x, `srt/eplb/expert_distribution.py`), a file of torch.save, or its JSON form that
/// `--init-expert-location` takes (`srt/eplb/expert_location.py`).
///
/// Modes `stat` and `stat_approx`: `logical_count` `[step][layer][expert]` or `[layer][expert]`. Mode `per_pass`: `records`
/// with `global_physical_count` `[layer][slot]`, and `last_physical_to_logical_map` `[layer][slot]`, one file for each rank:
/// one rank's file is read, which has the counts of the tokens that it saw. Layers without experts, which SGLang numbers
/// like all others, have no counts and are left out.
struct SGLangRecording: RoutingImporter {
  let name = "sglang"
  let summary = "expert_distribution_recorder_*.pt of SGLang 0.5 in mode stat or per_pass, or JSON with logical_count"

  func recording(_ file: RecordingFile) throws(ApusError) -> RoutingRecording? {
    guard let tree = file.tree else { return nil }
    if let counts = tree["logical_count"] { return .load(try Self.load(try counts.rows("logical_count"))) }
    guard let records = tree["records"]?.list, let map = tree["last_physical_to_logical_map"] else { return nil }
    var sum: [[Double]] = []
    for (number, record) in records.enumerated() {
      guard let counts = record["global_physical_count"] else {
        throw ApusError(
          .badInput, "record \(number) has no global_physical_count",
          advice: "record with --expert-distribution-recorder-mode stat or per_pass")
      }
      sum = try RecordingTree.adding(try counts.rows("record \(number)"), to: sum, "records")
    }
    return .load(try Self.load(try Self.logical(sum, map: try map.rows("last_physical_to_logical_map"))))
  }

  private static func load(_ rows: [[Double]]) throws(ApusError) -> ExpertLoad {
    let counted = rows.filter { row in row.contains { $0 != 0 } }
    guard !counted.isEmpty else {
      throw ApusError(
        .badInput, "no expert was used while it was recorded", advice: "send requests between start and dump")
    }
    return try ExpertLoad(counted)
  }

  private static func logical(_ physical: [[Double]], map: [[Double]]) throws(ApusError) -> [[Double]] {
    guard physical.map(\.count) == map.map(\.count) else {
      throw ApusError(.badInput, "the map and the counts are not of the same layers and slots")
    }
    let most = map.joined().max() ?? 0
    guard map.joined().allSatisfy({ $0 >= 0 && $0.rounded() == $0 }), most < Double(ExpertLoad.expertLimit) else {
      throw ApusError(.badInput, "last_physical_to_logical_map has an expert that cannot be")
    }
    return zip(physical, map).map { counts, experts in
      var row = [Double](repeating: 0, count: Int(most) + 1)
      for (count, expert) in zip(counts, experts) { row[Int(expert)] += count }
      return row
    }
  }
}

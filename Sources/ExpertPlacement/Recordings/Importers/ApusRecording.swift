import Serving

/// Apus's own recordings, JSON: the experts of every token,
/// `{"format": "apus-routing", "version": 1, "experts": 64, "top_k": 6, "layers": [layer][token][place]}`, or only their
/// counts, `{"format": "apus-expert-load", "version": 1, "layers": [layer][expert]}`.
struct ApusRecording: RoutingImporter {
  let name = "apus"
  let summary = "JSON of Apus: format apus-routing (tokens) or apus-expert-load (counts), version 1"

  func recording(_ file: RecordingFile) throws(ApusError) -> RoutingRecording? {
    guard let tree = file.tree, let format = tree["format"]?.text,
      format == "apus-routing" || format == "apus-expert-load"
    else { return nil }
    guard tree["version"]?.int == 1, let layers = tree["layers"] else {
      throw ApusError(.badInput, "\(format) of a version that is not known, or without layers", advice: "version 1")
    }
    if format == "apus-expert-load" { return .load(try ExpertLoad(try layers.rows("layers"))) }
    guard let expertCount = tree["experts"]?.int, let topK = tree["top_k"]?.int, let list = layers.list else {
      throw ApusError(.badInput, "apus-routing needs experts, top_k and layers")
    }
    var ids: [UInt16] = []
    for (number, layer) in list.enumerated() {
      for (token, row) in try layer.rows("layer \(number)").enumerated() {
        guard row.count == topK else {
          throw ApusError(.badInput, "layer \(number), token \(token) has \(row.count) experts, not \(topK)")
        }
        for id in row {
          guard let expert = UInt16(exactly: id) else {
            throw ApusError(.badInput, "layer \(number), token \(token): \(id) is no expert")
          }
          ids.append(expert)
        }
      }
    }
    return .trace(
      try RoutingTrace(layerCount: list.count, topK: topK, expertCount: expertCount, experts: ids))
  }
}

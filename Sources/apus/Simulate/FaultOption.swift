import Serving
import Simulation

/// Reads what happens to a node: `NODE@SECONDS` or `NODE@SECONDS:FACTOR`, the node by its name or its number from 1.
enum FaultOption {
  static func slow(_ text: String, _ nodes: [NodeModel]) throws(ApusError) -> NodeFault {
    let parts = text.split(separator: ":", maxSplits: 1)
    guard parts.count == 2, let factor = Double(parts[1]), factor > 0, factor <= 1000 else {
      throw ApusError(.usage, "--slow \(text) names no factor", advice: "give such as node-1@60:2, twice the time")
    }
    return try fault(String(parts[0]), nodes, .slow(factor), "--slow \(text)")
  }

  static func fail(_ text: String, _ nodes: [NodeModel]) throws(ApusError) -> NodeFault {
    try fault(text, nodes, .fail, "--fail \(text)")
  }

  static func join(_ text: String, _ nodes: [NodeModel]) throws(ApusError) -> NodeFault {
    try fault(text, nodes, .join, "--join \(text)")
  }

  private static func fault(
    _ text: String, _ nodes: [NodeModel], _ kind: NodeFault.Kind, _ option: String
  ) throws(ApusError) -> NodeFault {
    let parts = text.split(separator: "@")
    guard parts.count == 2, let seconds = Double(parts[1]), seconds >= 0, seconds <= 1e8 else {
      throw ApusError(
        .usage, "\(option) names no time from 0 to 100000000 seconds", advice: "give NODE@SECONDS, such as node-1@60")
    }
    let name = String(parts[0])
    guard let node = nodes.firstIndex(where: { $0.name == name }) ?? Int(name).map({ $0 - 1 }),
      nodes.indices.contains(node)
    else {
      throw ApusError(
        .usage, "\(option) names no node of the cluster",
        advice: "the nodes are \(nodes.prefix(8).map(\.name).joined(separator: ", "))\(nodes.count > 8 ? ", ..." : "")")
    }
    return NodeFault(node: node, seconds: seconds, kind: kind)
  }
}

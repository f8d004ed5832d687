import Foundation
import Serving
import Simulation

/// Reads a cluster of simulated nodes from YAML: a list `nodes`, each with `prefill_rate` and `decode_rate` in tokens per
/// second of a request alone, and, where they differ from the usual, `name`, `count`, `slots`, `contention`,
/// `load_seconds`, `cache_tokens`, `engine_limit`.
enum ClusterFile {
  private struct File: Decodable {
    var nodes: [Entry]

    enum CodingKeys: CodingKey, CaseIterable { case nodes }
  }

  private struct Entry: Decodable {
    var name: String?
    var count: Int?
    var prefillRate: Double
    var decodeRate: Double
    var slots: Int?
    var contention: Double?
    var loadSeconds: Double?
    var cacheTokens: Int?
    var engineLimit: Int?

    enum CodingKeys: String, CodingKey, CaseIterable {
      case name, count, slots, contention
      case prefillRate = "prefill_rate"
      case decodeRate = "decode_rate"
      case loadSeconds = "load_seconds"
      case cacheTokens = "cache_tokens"
      case engineLimit = "engine_limit"
    }

    var isInRange: Bool {
      (0.001...1e9).contains(prefillRate) && (0.001...1e9).contains(decodeRate)
        && (1...100_000).contains(count ?? 1) && (1...1024).contains(slots ?? 1) && (0...100).contains(contention ?? 0)
        && (0...1e5).contains(loadSeconds ?? 0) && (0...1 << 30).contains(cacheTokens ?? 0)
        && (1...64).contains(engineLimit ?? 1)
    }
  }

  static func nodes(_ path: String) throws(ApusError) -> [NodeModel] {
    let file: File = try YAMLFile.read(
      path, as: "a cluster", keys: ["": File.CodingKeys.allCases, "nodes": Entry.CodingKeys.allCases],
      advice: "give a list `nodes`, each with prefill_rate and decode_rate in tokens per second")
    var nodes: [NodeModel] = []
    for (place, entry) in file.nodes.enumerated() {
      guard entry.isInRange else {
        throw ApusError(
          .badInput, "entry \(place + 1) of \(path) has a number out of range",
          advice: "rates are at least 0.001, count, slots and engine_limit at least 1, the others at least 0")
      }
      for number in 0..<(entry.count ?? 1) {
        let base = entry.name ?? "node-\(nodes.count + 1)"
        let name = entry.name != nil && (entry.count ?? 1) > 1 ? "\(base)-\(number + 1)" : base
        let usual = NodeModel(name: name, prefillRate: entry.prefillRate, decodeRate: entry.decodeRate)
        nodes.append(
          NodeModel(
            name: name, prefillRate: entry.prefillRate, decodeRate: entry.decodeRate,
            slotCount: entry.slots ?? usual.slotCount, contention: entry.contention ?? usual.contention,
            loadSeconds: entry.loadSeconds ?? usual.loadSeconds, cacheTokens: entry.cacheTokens ?? usual.cacheTokens,
            engineLimit: entry.engineLimit ?? usual.engineLimit))
      }
    }
    guard !nodes.isEmpty, nodes.count <= 100_000, Set(nodes.map(\.name)).count == nodes.count else {
      throw ApusError(
        .badInput, "\(path) has \(nodes.count) nodes, or two of one name", advice: "give 1 to 100000 of different names"
      )
    }
    return nodes
  }
}

public import Serving

/// llama.cpp's `--override-tensor REGEX=BUFFER` (2025 and later): one tensor holds all experts of a layer, so only
/// whole layers can go to a device. A host's name is taken for the buffer's, such as `CPU`, `CUDA0` or `RPC0[HOST:PORT]`.
public struct LlamaCppExport: PlacementExport {
  public let name = "llamacpp"
  public let summary =
    "options for llama-server, where every layer's experts are on one host; hosts are named like buffers"

  public init() {}

  public func text(
    of plan: PlacementPlan, for cluster: PlacementCluster, firstLayer: Int
  ) throws(ApusError) -> String {
    var layersOfHost = [[Int]](repeating: [], count: plan.hostCount)
    for (number, layer) in plan.layers.enumerated() {
      guard let host = Self.onlyHost(of: layer) else {
        throw ApusError(
          .badInput,
          "llama.cpp keeps the experts of a layer together, and the plan spreads those of layer \(number) over hosts",
          advice: "plan with a strategy that keeps layers whole, or use another engine")
      }
      layersOfHost[host].append(firstLayer + number)
    }
    return zip(cluster.hosts, layersOfHost).filter { !$1.isEmpty }
      .map { host, layers in
        let numbers = layers.map(String.init).joined(separator: "|")
        return "--override-tensor 'blk\\.(\(numbers))\\.ffn_(gate|up|down|gate_up)_exps\\.=\(host.name)'"
      }
      .joined(separator: " \\\n")
  }

  /// The one host that has all experts of a layer; nil where there are several.
  private static func onlyHost(of layer: LayerPlacement) -> Int? {
    switch layer {
    case .hosted(let experts):
      let hosts = Set(experts.joined().map(\.host))
      return hosts.count == 1 ? hosts.first : nil
    case .sharded(let fractions):
      let holding = fractions.indices.filter { fractions[$0] > 0 }
      return holding.count == 1 ? holding[0] : nil
    }
  }
}

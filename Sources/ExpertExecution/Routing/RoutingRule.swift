import Engines
import Serving

/// How a model chooses experts and weighs them, as its architecture does: softmax over all experts, the largest `topK`, their
/// weights divided by their sum where the architecture says so, times a factor.
public struct RoutingRule: Hashable, Sendable {
  public var topK: Int
  /// Whether the weights of the chosen add up to 1.
  public var isRenormalized: Bool
  public var scale: Float

  public init(topK: Int, isRenormalized: Bool, scale: Float = 1) {
    self.topK = topK
    self.isRenormalized = isRenormalized
    self.scale = scale
  }

  /// llama.cpp's `build_moe_ffn` arguments, by architecture; nil: what `expert_weights_norm` of the file says.
  private static let renormalizing: [String: Bool?] = [
    "qwen3moe": true, "llama": true, "qwen2moe": false, "olmoe": false, "deepseek2": nil, "deepseek": false,
  ]

  /// - Throws: `badInput` for an architecture whose routing is not known here, and for one by groups, by sigmoid or with a
  ///   bias, as DeepSeek-V3's.
  init(_ file: GGUFTensorFile, architecture: String, expertCount: Int) throws(ApusError) {
    func refuse(_ reason: String) -> ApusError {
      ApusError(
        .badInput, "the routing of \(file.path) is not known here: \(reason)",
        advice: "routings by softmax are: " + Self.renormalizing.keys.sorted().joined(separator: ", "))
    }
    guard let isRenormalizing = Self.renormalizing[architecture] else { throw refuse("architecture \(architecture)") }
    guard let used = file.count("\(architecture).expert_used_count"), (1...expertCount).contains(used) else {
      throw refuse("it says no possible \(architecture).expert_used_count")
    }
    if let function = file.count("\(architecture).expert_gating_func"), function > 1 {
      throw refuse("its gating function is number \(function), not softmax")
    }
    if let groups = file.count("\(architecture).expert_group_count"), groups > 1 {
      throw refuse("it chooses among \(groups) groups first")
    }
    topK = used
    isRenormalized = isRenormalizing ?? file.flag("\(architecture).expert_weights_norm") ?? false
    let factor = file.number("\(architecture).expert_weights_scale") ?? 1
    // A factor of 0 stands for none in files.
    scale = factor == 0 ? 1 : Float(factor)
    guard scale.isFinite else { throw refuse("its expert weights have the factor \(factor)") }
  }
}

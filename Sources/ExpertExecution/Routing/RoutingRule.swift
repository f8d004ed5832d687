import Engines
import Serving

/// How a model chooses experts and weighs them, as llama.cpp's `build_moe_ffn` does: a score for each expert, the `topK` best
/// of them, by groups where the model has any, their scores divided by their sum where it says so, times a factor.
public struct RoutingRule: Hashable, Sendable {
  /// What a logit is made into.
  public enum Scoring: Int, Hashable, Sendable {
    /// Over all experts.
    case softmax = 1
    /// Of each expert alone, as DeepSeek-V3 does.
    case sigmoid = 2
  }

  /// Experts in groups of equal size. A token's experts come from the `usedCount` groups whose two best scores add up to most.
  public struct Groups: Hashable, Sendable {
    public var count: Int
    public var usedCount: Int

    public init(count: Int, usedCount: Int) {
      self.count = count
      self.usedCount = usedCount
    }
  }

  public var topK: Int
  public var scoring: Scoring
  /// Nil where every expert may be chosen.
  public var groups: Groups?
  /// Whether the weights of the chosen add up to 1.
  public var isRenormalized: Bool
  public var scale: Float

  public init(
    topK: Int, scoring: Scoring = .softmax, groups: Groups? = nil, isRenormalized: Bool, scale: Float = 1
  ) {
    self.topK = topK
    self.scoring = scoring
    self.groups = groups
    self.isRenormalized = isRenormalized
    self.scale = scale
  }

  /// llama.cpp's `build_moe_ffn` arguments, by architecture; nil: what `expert_weights_norm` of the file says.
  private static let renormalizing: [String: Bool?] = [
    "qwen3moe": true, "llama": true, "qwen2moe": false, "olmoe": false, "deepseek2": nil, "deepseek": false,
  ]

  /// - Throws: `badInput` for an architecture or a scoring that is not known here, and groups that cannot be.
  init(_ file: GGUFTensorFile, architecture: String, expertCount: Int) throws(ApusError) {
    func refuse(_ reason: String) -> ApusError {
      ApusError(
        .badInput, "the routing of \(file.path) is not known here: \(reason)",
        advice: "routings that are known are: " + Self.renormalizing.keys.sorted().joined(separator: ", "))
    }
    guard let isRenormalizing = Self.renormalizing[architecture] else { throw refuse("architecture \(architecture)") }
    guard let used = file.count("\(architecture).expert_used_count"), (1...expertCount).contains(used) else {
      throw refuse("it says no possible \(architecture).expert_used_count")
    }
    // Files of before DeepSeek-V3 do not say, and mean softmax.
    let function = file.count("\(architecture).expert_gating_func") ?? 0
    guard let scoring = function == 0 ? .softmax : Scoring(rawValue: function) else {
      throw refuse("its gating function is number \(function), neither softmax nor sigmoid")
    }
    topK = used
    self.scoring = scoring
    groups = nil
    isRenormalized = isRenormalizing ?? file.flag("\(architecture).expert_weights_norm") ?? false
    let factor = file.number("\(architecture).expert_weights_scale") ?? 1
    // A factor of 0 stands for none in files.
    scale = factor == 0 ? 1 : Float(factor)
    guard scale.isFinite else { throw refuse("its expert weights have the factor \(factor)") }
    guard let groupCount = file.count("\(architecture).expert_group_count"), groupCount > 1 else { return }
    let usedGroups = file.count("\(architecture).expert_group_used_count") ?? 0
    groups = Groups(count: groupCount, usedCount: usedGroups)
    guard expertCount % groupCount == 0, expertCount / groupCount >= 2, (1...groupCount).contains(usedGroups),
      usedGroups * (expertCount / groupCount) >= used
    else { throw refuse("it chooses \(used) of \(expertCount) experts from \(usedGroups) of \(groupCount) groups") }
  }
}

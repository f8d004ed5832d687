public import Serving

/// Which values of different knobs need or exclude each other: data, so that it can be read at a glance. The same
/// table refuses candidates before they are made and configurations that a person gives.
public enum KnobRules {
  /// A statement about one knob of a configuration.
  enum Condition: Sendable {
    case set(KnobName)
    case unset(KnobName)
    /// The knob is set to one of these.
    case any(KnobName, [KnobValue])
    /// The knob is not set, or to none of these.
    case none(KnobName, [KnobValue])
    /// The knob is a number of at least so much.
    case atLeast(KnobName, Int)

    var knob: KnobName {
      switch self {
      case .set(let knob), .unset(let knob), .any(let knob, _), .none(let knob, _), .atLeast(let knob, _): knob
      }
    }

    func holds(_ knobs: [KnobName: KnobValue]) -> Bool {
      switch self {
      case .set(let knob): knobs[knob] != nil
      case .unset(let knob): knobs[knob] == nil
      case .any(let knob, let values): knobs[knob].map(values.contains) ?? false
      case .none(let knob, let values): !(knobs[knob].map(values.contains) ?? false)
      case .atLeast(let knob, let least): (knobs[knob]?.intValue).map { $0 >= least } ?? false
      }
    }
  }

  /// Where `when` holds, one of `needs` must.
  struct Rule: Sendable {
    let when: Condition
    let needs: [Condition]
    /// After `KNOB=VALUE `: what is missing or in the way.
    let reason: String
  }

  private static func text(_ values: String...) -> [KnobValue] { values.map { .text($0) } }

  static let rules: [Rule] = [
    // Speculation.
    Rule(when: .set(.draftTokens), needs: [.set(.speculation)], reason: "needs speculation"),
    Rule(
      when: .any(.speculation, text("n-gram-cache")), needs: [.unset(.draftTokens)],
      reason: "drafts 8 tokens and cannot be told another number by draft_tokens"),
    Rule(
      when: .set(.ngramSize), needs: [.any(.speculation, text("n-gram", "n-gram-map"))],
      reason: "needs speculation=n-gram or n-gram-map"),
    Rule(
      when: .set(.draftModel), needs: [.any(.speculation, text("draft-model", "eagle"))],
      reason: "needs speculation=draft-model or eagle"),
    Rule(
      when: .set(.draftMinProbability), needs: [.any(.speculation, text("draft-model", "eagle", "mtp"))],
      reason: "needs speculation=draft-model, eagle or mtp"),
    // Caches.
    Rule(
      when: .any(.valueCacheType, text("q8_0", "q4_0")), needs: [.none(.flashAttention, [.bool(false)])],
      reason: "needs flash attention: values are quantized only with it"),
    Rule(
      when: .any(.keyCacheType, text("fp8")), needs: [.any(.valueCacheType, text("fp8"))],
      reason: "needs value_cache_type=fp8: there is one type for both"),
    Rule(
      when: .any(.valueCacheType, text("fp8")), needs: [.any(.keyCacheType, text("fp8"))],
      reason: "needs key_cache_type=fp8: there is one type for both"),
    Rule(
      when: .atLeast(.hostCacheMiB, 1), needs: [.none(.prefixCaching, [.bool(false)])],
      reason: "keeps prefixes, and prefix_caching=off keeps none"),
    Rule(
      when: .any(.slotStore, [.bool(true)]), needs: [.none(.prefixCaching, [.bool(false)])],
      reason: "restores prefixes, and prefix_caching=off uses none"),
    // Devices.
    Rule(
      when: .set(.tensorSplit), needs: [.none(.gpuLayers, [.int(0)])],
      reason: "shares layers between GPUs, and gpu_layers=0 gives them none"),
    Rule(
      when: .atLeast(.expertCPULayers, 1), needs: [.none(.gpuLayers, [.int(0)])],
      reason: "takes experts from the GPUs, and gpu_layers=0 gives them none"),
    Rule(
      when: .set(.tensorOverrides), needs: [.none(.gpuLayers, [.int(0)])],
      reason: "moves tensors from the GPUs, and gpu_layers=0 gives them none"),
    Rule(
      when: .set(.expertCPULayers), needs: [.unset(.tensorOverrides)],
      reason: "and tensor_overrides say twice where experts are"),
    Rule(
      when: .any(.expertParallel, [.bool(true)]), needs: [.atLeast(.tensorParallel, 2), .atLeast(.dataParallel, 2)],
      reason: "needs tensor_parallel or data_parallel of at least 2"),
    Rule(
      when: .set(.rpcServers), needs: [.none(.slotStore, [.bool(true)])],
      reason: "computes elsewhere, and slot_store saves what is here"),
  ]

  /// The first rule a configuration breaks, in words; nil when it breaks none. Says nothing of knobs an engine lacks.
  public static func violation(of knobs: [KnobName: KnobValue]) -> String? {
    for rule in rules where rule.when.holds(knobs) && !rule.needs.contains(where: { $0.holds(knobs) }) {
      let value = knobs[rule.when.knob].map(String.init(describing:)) ?? ""
      return "\(rule.when.knob)=\(value) \(rule.reason)"
    }
    if let batch = knobs[.batchTokens]?.intValue, let micro = knobs[.microBatchTokens]?.intValue, micro > batch {
      return "micro_batch_tokens=\(micro) is more than batch_tokens=\(batch): a prefill step is made of compute steps"
    }
    return nil
  }

  /// Why two settings cannot hold at once; nil when they can. Two values of one knob never can.
  static func conflict(_ a: [KnobName: KnobValue], _ b: [KnobName: KnobValue]) -> String? {
    for (knob, value) in a.sorted(by: { $0.key < $1.key }) {
      if let other = b[knob], other != value { return "\(knob) cannot be \(value) and \(other)" }
    }
    return violation(of: a.merging(b) { first, _ in first })
  }
}

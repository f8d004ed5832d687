import Serving

/// Which methods are worth combining, and which settings exclude each other: data, so that it can be read at a glance.
enum Combinations {
  /// Pairs whose gains come from different places. Everything else is left to single settings: a benchmark's budget
  /// is better spent on confirming what helps.
  static let pairs: [(MethodName, MethodName)] = [
    // Slots fill the machine across requests, a draft fills it within one; together they compete once it is full,
    // and where that is only a measurement tells.
    (ContinuousBatching.methodName, DraftModelSpeculation.methodName),
    (ContinuousBatching.methodName, NgramSpeculation.methodName),
    (ContinuousBatching.methodName, ThreadCount.methodName),
    (DraftModelSpeculation.methodName, ThreadCount.methodName),
    // Fewer bytes for each weight, and fewer passes over the weights.
    (ContinuousBatching.methodName, WeightQuantization.methodName),
    (DraftModelSpeculation.methodName, WeightQuantization.methodName),
    (NgramSpeculation.methodName, WeightQuantization.methodName),
    (ThreadCount.methodName, WeightQuantization.methodName),
    // A smaller cache makes room for more slots.
    (ContinuousBatching.methodName, KeyValueCacheQuantization.methodName),
  ]

  static let triples: [(MethodName, MethodName, MethodName)] = [
    (ContinuousBatching.methodName, DraftModelSpeculation.methodName, WeightQuantization.methodName)
  ]

  /// Why two values of different knobs cannot hold at once; nil when they can. Two values of one knob never can.
  static func conflict(_ a: [KnobName: KnobValue], _ b: [KnobName: KnobValue]) -> String? {
    for (knob, value) in a.sorted(by: { $0.key < $1.key }) {
      if let other = b[knob], other != value { return "\(knob) cannot be \(value) and \(other)" }
    }
    let both = a.merging(b) { first, _ in first }
    if both[.flashAttention] == .bool(false), let type = both[.valueCacheType], type != .text("f16") {
      return "value_cache_type=\(type) needs flash attention"
    }
    return nil
  }
}

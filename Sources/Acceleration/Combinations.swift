import Serving

/// Which methods are worth combining: data, so that it can be read at a glance. What cannot hold at once is in
/// `KnobRules`.
enum Combinations {
  /// Pairs whose gains come from different places. Everything else is left to single settings: a benchmark's budget
  /// is better spent on confirming what helps.
  static let pairs: [(MethodName, MethodName)] = [
    // Slots fill the machine across requests, a draft fills it within one; together they compete once it is full,
    // and where that is only a measurement tells.
    (ContinuousBatching.methodName, DraftModelSpeculation.methodName),
    (ContinuousBatching.methodName, NgramSpeculation.methodName),
    (ContinuousBatching.methodName, EagleSpeculation.methodName),
    (ContinuousBatching.methodName, MTPSpeculation.methodName),
    (ContinuousBatching.methodName, ThreadCount.methodName),
    (DraftModelSpeculation.methodName, ThreadCount.methodName),
    // Another build does the same work in fewer instructions, whatever the work is.
    (InstructionSetBuild.methodName, ContinuousBatching.methodName),
    (InstructionSetBuild.methodName, DraftModelSpeculation.methodName),
    (InstructionSetBuild.methodName, ThreadCount.methodName),
    // What a GPU holds, and how its work is shared.
    (GPUOffload.methodName, ContinuousBatching.methodName),
    (ExpertOffload.methodName, ContinuousBatching.methodName),
    (TensorParallelism.methodName, ContinuousBatching.methodName),
    (ExpertParallelism.methodName, ContinuousBatching.methodName),
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
}

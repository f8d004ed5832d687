public import Serving

/// The methods Apus knows.
public enum MethodCatalogue {
  /// In the order in which candidates are proposed: exact ones that helped most in measurements first, then those that
  /// few nodes can use, then those that change the output.
  public static let all: [any AccelerationMethod] = [
    ContinuousBatching(),
    DraftModelSpeculation(),
    NgramSpeculation(),
    EagleSpeculation(),
    MTPSpeculation(),
    InstructionSetBuild(),
    GPUOffload(),
    ThreadCount(),
    ChunkedPrefill(),
    FlashAttention(),
    PrefixCaching(),
    GraphCapture(),
    HostCache(),
    SlotRestore(),
    ThreadAffinity(),
    TensorParallelism(),
    ExpertParallelism(),
    PipelineParallelism(),
    DataParallelism(),
    TensorSplit(),
    ExpertOffload(),
    PrefillDecodeDisaggregation(),
    RPCDistribution(),
    WeightQuantization(),
    KeyValueCacheQuantization(),
  ]

  /// What a configuration's methods promise of the output; a method that is not known promises nothing.
  public static func fidelity(of configuration: EngineConfiguration) -> Fidelity {
    configuration.methods.map { named($0)?.fidelity ?? .approximate }.max() ?? .exact
  }

  private static let approximate = all.filter { $0.fidelity == .approximate }

  /// What of a configuration may change the output: its approximate methods with their knobs, on the same engine. All of it
  /// where every method promises to keep the output, or where one is not known.
  ///
  /// Configurations with equal parts lose the same, so the loss is measured once for all of them: an exact method beside an
  /// approximate one is checked where it runs without.
  public static func approximatePart(of configuration: EngineConfiguration) -> EngineConfiguration {
    let own = approximate.filter { configuration.methods.contains($0.name) }
    guard !own.isEmpty, own.count < configuration.methods.count,
      configuration.methods.allSatisfy({ named($0) != nil })
    else { return configuration }
    return EngineConfiguration(
      engine: configuration.engine, methods: own.map(\.name),
      knobs: configuration.knobs.filter { knob, _ in own.contains { $0.knobs.contains(knob) } })
  }

  public static func named(_ name: MethodName) -> (any AccelerationMethod)? {
    all.first { $0.name == name }
  }
}

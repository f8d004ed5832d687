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

  public static func named(_ name: MethodName) -> (any AccelerationMethod)? {
    all.first { $0.name == name }
  }
}

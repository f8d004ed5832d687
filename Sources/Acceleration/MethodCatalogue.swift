public import Serving

/// The methods Apus knows.
public enum MethodCatalogue {
  /// In the order in which candidates are proposed: exact ones that helped most in measurements first.
  public static let all: [any AccelerationMethod] = [
    ContinuousBatching(),
    DraftModelSpeculation(),
    NgramSpeculation(),
    ThreadCount(),
    ChunkedPrefill(),
    FlashAttention(),
    PrefixCaching(),
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

public import Serving

/// Bytes an engine will take with a configuration, foreseen from the model's geometry.
///
/// Weights and cache are arithmetic. The compute buffer is sized like llama.cpp's: for one compute step the logits
/// and the widest layer in single precision. Checked against measurements of llama.cpp on small models: 136 MB
/// resident for a 59 MB file with one slot, 306 MB with eight.
public struct MemoryEstimate: Hashable, Sendable, CustomStringConvertible {
  public var weightBytes: Int
  /// Key-value cache of all slots.
  public var cacheBytes: Int
  /// The draft model with its cache; 0 without one.
  public var draftBytes: Int
  /// Compute buffers and the engine's own.
  public var workingBytes: Int

  public var totalBytes: Int { weightBytes + cacheBytes + draftBytes + workingBytes }

  /// The engine's code, HTTP server and tokenizer; chosen from an idle llama.cpp server with a 6 MB model.
  static let engineBytes = 32 << 20
  /// Tokens of context for drafted tokens and what a tokenizer adds; engines round contexts up to `contextStep`.
  static let contextMargin = 64
  static let contextStep = 256

  public init(_ configuration: EngineConfiguration, in context: AccelerationContext) {
    self.init(
      configuration, model: context.model, available: context.available, workload: context.workload)
  }

  public init(
    _ configuration: EngineConfiguration, model asked: ModelProfile, available: [ModelProfile],
    workload: Workload
  ) {
    let loaded = LoadedModels(configuration, asked: asked, available: available)
    let tokens = Self.contextTokens(workload)
    let slots = max(1, configuration[.slotCount]?.intValue ?? 1)
    let elementBytes =
      (ElementType.bytes(configuration[.keyCacheType])
        + ElementType.bytes(configuration[.valueCacheType])) / 2
    let step = configuration[.microBatchTokens]?.intValue ?? EngineDefaults.microBatchTokens
    weightBytes = loaded.target.weightBytes
    cacheBytes = Int(
      Double(slots * tokens) * loaded.target.keyValueBytesPerToken(bytesPerElement: elementBytes))
    draftBytes =
      loaded.draft.map { $0.weightBytes + Int(Double(slots * tokens) * $0.keyValueBytesPerToken()) }
      ?? 0
    workingBytes =
      Self.engineBytes + Self.bufferBytes(loaded.target, step: min(step, slots * tokens))
  }

  /// Tokens of context in each slot.
  static func contextTokens(_ workload: Workload) -> Int {
    let longest =
      workload.promptTokens.upperBound + workload.outputTokens.upperBound + contextMargin
    return (longest + contextStep - 1) / contextStep * contextStep
  }

  private static func bufferBytes(_ model: ModelProfile, step: Int) -> Int {
    4 * step * (model.vocabularySize + model.feedForwardSize + 4 * model.hiddenSize)
  }

  static func megabytes(_ bytes: Int) -> String { "\((bytes + (1 << 19)) >> 20) MB" }

  public var description: String {
    let parts = [
      ("weights", weightBytes), ("cache", cacheBytes), ("draft", draftBytes),
      ("working memory", workingBytes),
    ]
    let words = parts.filter { $0.1 > 0 }.map { "\($0.0) \(Self.megabytes($0.1))" }.joined(
      separator: " + ")
    return "\(words) = \(Self.megabytes(totalBytes))"
  }
}

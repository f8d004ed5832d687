public import Serving

/// Bytes an engine will take with a configuration, foreseen from the sizes of the model and of the configuration alone.
///
/// Weights and cache are arithmetic; the compute buffer is that of llama.cpp (one step's logits or its widest layer, and
/// its attention scores where attention is not fused); the rest is the engine's own (`EngineFootprint`). What this gets
/// wrong for an engine and a model is learned from what they really took (`MemoryCorrections`).
public struct MemoryEstimate: Hashable, Sendable, CustomStringConvertible {
  /// The engine, and the model whose file it loads: what its errors are learned by.
  public var engine: EngineName
  public var model: ModelID
  public var weightBytes: Int
  /// Key-value cache of all slots.
  public var cacheBytes: Int
  /// The draft model with its cache; 0 without one.
  public var draftBytes: Int
  /// Buffers of one compute step.
  public var computeBytes: Int
  /// The engine's code, runtime and bookkeeping.
  public var engineBytes: Int

  public var totalBytes: Int { weightBytes + cacheBytes + draftBytes + computeBytes + engineBytes }

  /// Tokens of context for drafted tokens and what a tokenizer adds; engines round contexts up to `contextStep`.
  static let contextMargin = 64.0
  static let contextStep = 256.0

  public init(_ configuration: EngineConfiguration, in context: AccelerationContext) {
    self.init(
      configuration, asked: context.model, available: context.available,
      contextTokens: Self.contextTokens([context.workload]))
  }

  /// - Parameter contextTokens: of each slot; cut to what the model can.
  public init(
    _ configuration: EngineConfiguration, asked: ModelProfile, available: [ModelProfile], contextTokens: Int
  ) {
    // Threads take no memory worth counting.
    let settings = EngineSettings(configuration, coreCount: 1)
    self.init(
      settings, LoadedModels(settings, asked: asked, available: available), engine: configuration.engine,
      contextTokens: contextTokens)
  }

  /// - Parameter contextTokens: of each slot; cut to what the model can.
  public init(
    _ settings: EngineSettings, _ loaded: LoadedModels, engine: EngineName, contextTokens: Int
  ) {
    let model = loaded.target
    self.engine = engine
    self.model = model.id
    let footprint = EngineFootprint.of(engine)
    let slots = Double(settings.slotCount)
    let slotTokens = Double(
      model.contextLength > 0 ? min(contextTokens, model.contextLength) : contextTokens)
    let elementBytes = (settings.keyElementBytes + settings.valueElementBytes) / 2
    weightBytes = Self.whole(footprint.weightBytes(model))
    cacheBytes = Self.whole(
      slots * slotTokens * model.keyValueBytesPerToken(bytesPerElement: elementBytes))
    draftBytes =
      loaded.draft.map {
        Self.whole(
          footprint.weightBytes($0) + slots * slotTokens * $0.keyValueBytesPerToken() + footprint.bytesPerModel)
      } ?? 0
    // Buffers are used again within a step, so its widest part decides: the logits or the feed-forward layer.
    let step = min(Double(min(settings.microBatchTokens, settings.batchTokens)), slots * slotTokens)
    let hidden = Double(model.hiddenSize)
    let width = max(
      Double(model.vocabularySize) + 2 * hidden,
      2 * Double(model.feedForwardSize) * Double(max(1, model.expertsPerToken)) + 4 * hidden)
    let scores = settings.flashAttention == false ? Double(model.headCount) * slotTokens : 0
    computeBytes = Self.whole(4 * step * (width + scores))
    engineBytes = Self.whole(footprint.processBytes + footprint.bytesPerModel)
  }

  /// Tokens of context in each slot that every one of these workloads fits in.
  public static func contextTokens(_ workloads: [Workload]) -> Int {
    let longest =
      workloads.map { Double($0.promptTokens.upperBound) + Double($0.outputTokens.upperBound) }.max() ?? 0
    return whole(((longest + contextMargin) / contextStep).rounded(.up) * contextStep)
  }

  /// Figures so large that they cannot be true stay large, and sums of them stay numbers.
  private static func whole(_ bytes: Double) -> Int { Int(min(max(0, bytes), 1e17)) }

  static func megabytes(_ bytes: Int) -> String { "\((bytes + (1 << 19)) >> 20) MB" }

  public var description: String {
    let parts = [
      ("weights", weightBytes), ("cache", cacheBytes), ("draft", draftBytes),
      ("compute buffers", computeBytes), ("engine", engineBytes),
    ]
    let words = parts.filter { $0.1 > 0 }.map { "\($0.0) \(Self.megabytes($0.1))" }.joined(
      separator: " + ")
    return "\(words) = \(Self.megabytes(totalBytes))"
  }
}

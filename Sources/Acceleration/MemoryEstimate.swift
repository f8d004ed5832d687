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
  static let contextMargin = 64.0
  static let contextStep = 256.0

  public init(_ configuration: EngineConfiguration, in context: AccelerationContext) {
    let settings = EngineSettings(configuration, coreCount: context.hardware.coreCount)
    self.init(
      settings, LoadedModels(settings, asked: context.model, available: context.available),
      workload: context.workload)
  }

  public init(_ settings: EngineSettings, _ loaded: LoadedModels, workload: Workload) {
    let tokens = Double(settings.slotCount) * Self.contextTokens(workload)
    let elementBytes = (settings.keyElementBytes + settings.valueElementBytes) / 2
    weightBytes = loaded.target.weightBytes
    cacheBytes = Self.whole(
      tokens * loaded.target.keyValueBytesPerToken(bytesPerElement: elementBytes))
    draftBytes =
      loaded.draft.map { Self.whole(Double($0.weightBytes) + tokens * $0.keyValueBytesPerToken()) }
      ?? 0
    let step = min(Double(settings.microBatchTokens), tokens)
    let model = loaded.target
    let widest =
      Double(model.vocabularySize) + Double(model.feedForwardSize) + 4 * Double(model.hiddenSize)
    workingBytes = Self.engineBytes + Self.whole(4 * step * widest)
  }

  /// Tokens of context in each slot.
  static func contextTokens(_ workload: Workload) -> Double {
    let longest =
      Double(workload.promptTokens.upperBound) + Double(workload.outputTokens.upperBound)
    return ((longest + contextMargin) / contextStep).rounded(.up) * contextStep
  }

  /// Figures so large that they cannot be true stay large, and sums of them stay numbers.
  private static func whole(_ bytes: Double) -> Int { Int(min(max(0, bytes), 1e18)) }

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

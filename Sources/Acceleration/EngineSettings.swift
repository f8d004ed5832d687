public import Serving

/// A configuration read once into typed values, with the engine's defaults filled in: what estimates and features use.
///
/// Knobs that Apus does not know are ignored; a value of another type than the knob's is taken as the default, one out
/// of its range as the range's end: stored and imported configurations come through here.
public struct EngineSettings: Hashable, Sendable {
  public enum Speculation: Hashable, Sendable { case none, draftModel, ngram }

  public var slotCount = 1
  public var isPrefixCaching = true
  /// Most tokens in one prefill step: llama.cpp's default (`CommonParams.n_batch`, xllamacpp 2026.10).
  public var batchTokens = 2048
  public var microBatchTokens = EngineDefaults.microBatchTokens
  /// Bytes of one cached element.
  public var keyElementBytes = ElementType.half
  public var valueElementBytes = ElementType.half
  public var speculation = Speculation.none
  /// 0 without speculation.
  public var draftTokens = 0
  public var ngramSize = 0
  /// Nil when the engine decides.
  public var flashAttention: Bool?
  public var threadCount: Int
  /// A `ModelID` in text; nil for the asked model.
  public var weightVariant: String?
  public var draftModel: String?

  /// - Parameter coreCount: the default for threads.
  public init(_ configuration: EngineConfiguration, coreCount: Int) {
    threadCount = max(1, coreCount)
    // One pass over the few knobs that are set; this runs for every candidate of every recommendation.
    for (knob, value) in configuration.knobs {
      switch knob {
      case .slotCount: slotCount = min(max(1, value.intValue ?? slotCount), 1024)
      case .prefixCaching: isPrefixCaching = value.boolValue ?? isPrefixCaching
      case .batchTokens: batchTokens = min(max(1, value.intValue ?? batchTokens), 1 << 20)
      case .microBatchTokens:
        microBatchTokens = min(max(1, value.intValue ?? microBatchTokens), 1 << 20)
      case .keyCacheType: keyElementBytes = ElementType.bytes(value)
      case .valueCacheType: valueElementBytes = ElementType.bytes(value)
      case .speculation:
        switch value.textValue {
        case "draft-model": speculation = .draftModel
        case "n-gram": speculation = .ngram
        default: break
        }
      case .draftTokens: draftTokens = min(max(0, value.intValue ?? 0), 1024)
      case .ngramSize: ngramSize = min(max(0, value.intValue ?? 0), 1024)
      case .flashAttention: flashAttention = value.boolValue
      case .threadCount: threadCount = min(max(1, value.intValue ?? threadCount), 4096)
      case .weightVariant: weightVariant = value.textValue
      case .draftModel: draftModel = value.textValue
      default: break
      }
    }
    if speculation == .none {
      draftTokens = 0
    } else if draftTokens == 0 {
      draftTokens = EngineDefaults.draftTokens
    }
  }
}

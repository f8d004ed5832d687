public import Serving

/// What an engine does when a knob is not set, as far as estimates need it: llama.cpp's values (xllamacpp 2026.10,
/// `CommonParams`). An estimate for another engine with other defaults is off by a factor that the selector learns.
public enum EngineDefaults {
  public static let slotCount = 1
  public static let batchTokens = 2048
  public static let microBatchTokens = 512
  /// `speculative.draft.n_max` of llama.cpp.
  public static let draftTokens = 3
}

/// Sizes of the element types a key-value cache can have.
public enum ElementType {
  /// Bytes for one element: blocks of 32 values with a 2-byte scale, or half-precision numbers when nothing is set.
  public static func bytes(_ type: KnobValue?) -> Double {
    switch type?.textValue {
    case "q8_0": 34.0 / 32
    case "q4_0": 18.0 / 32
    default: 2
    }
  }
}

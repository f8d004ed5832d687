import Serving

/// What an engine does when a knob is not set, where a method or an estimate needs it: llama.cpp's values (xllamacpp
/// 2026.10, `CommonParams`). An estimate for an engine with other defaults is off by a factor that the selector learns.
enum EngineDefaults {
  static let microBatchTokens = 512
  /// `speculative.draft.n_max` of llama.cpp.
  static let draftTokens = 3
  /// Tokens that llama.cpp's n-gram cache drafts; it has no option for another number (common/speculative.cpp).
  static let ngramCacheTokens = 8
}

/// Sizes of the element types a key-value cache can have.
enum ElementType {
  static let half = 2.0

  /// Bytes for one element: blocks of 32 values with a 2-byte scale, or half-precision numbers.
  static func bytes(_ type: KnobValue) -> Double {
    switch type.textValue {
    case "q8_0": 34.0 / 32
    case "q4_0": 18.0 / 32
    case "fp8": 1
    default: half
    }
  }
}

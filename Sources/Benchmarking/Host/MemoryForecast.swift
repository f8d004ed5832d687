public import Serving

/// Memory an engine will take, foreseen from its configuration: enough to decide how many fit side by side.
///
/// Weights and the key-value cache are known; buffers, the runtime and what grows while it serves are an allowance.
/// (Measured: a 59 MB model with 25 MB of cache took 136 MB, a 230 MB one with 8 slots 406 MB.)
public enum MemoryForecast {
  /// Runtime, buffers and code of one llama.cpp process.
  public static let processBytes = 192 << 20

  /// - Parameters:
  ///   - model: the one whose file is loaded.
  ///   - contextTokens: of each slot; nil for the model's whole context.
  ///   - defaultSlotCount: slots the engine has where the configuration says nothing.
  ///   - idleBytes: what the engine's processes take beside weights and cache.
  public static func bytes(
    model: ModelProfile, draft: ModelProfile?, configuration: EngineConfiguration, contextTokens: Int?,
    defaultSlotCount: Int = 1, idleBytes: Int = processBytes
  ) -> Int {
    let slots = configuration[.slotCount]?.intValue ?? defaultSlotCount
    let elementBytes =
      (elementBytes(configuration[.keyCacheType]) + elementBytes(configuration[.valueCacheType])) / 2
    func bytes(_ model: ModelProfile, slots: Int, elementBytes: Double) -> Double {
      let context = Double(contextTokens ?? model.contextLength)
      return 1.25 * Double(model.weightBytes)
        + Double(slots) * context * model.keyValueBytesPerToken(bytesPerElement: elementBytes)
    }
    var total = Double(idleBytes) + bytes(model, slots: slots, elementBytes: elementBytes)
    // A draft model keeps its own cache, unquantized.
    if let draft { total += bytes(draft, slots: slots, elementBytes: 2) }
    return Int(total)
  }

  /// Bytes of one cached element: blocks of 32 values with a 2-byte scale, or half-precision numbers.
  private static func elementBytes(_ type: KnobValue?) -> Double {
    switch type?.textValue {
    case "q8_0": 34.0 / 32
    case "q4_0": 18.0 / 32
    case "fp8": 1
    default: 2
    }
  }
}

public import Serving

/// Keeps keys and values in fewer bits: more context or slots in the same memory.
///
/// On processors it costs time (measured: 2.4 times slower on a 1500-token prompt), so it is a candidate for memory.
public struct KeyValueCacheQuantization: AccelerationMethod {
  static let methodName = MethodName("kv-cache-quantization")
  /// Elements that share one scale in the GGUF types.
  static let block = 32

  public let name = methodName
  public let summary =
    "Keeps cached keys and values in 8 or 4 bits, which changes the output (KIVI, 2024; llama.cpp -ctk, -ctv; vLLM fp8)."
  public let fidelity = Fidelity.approximate
  public let knobs: Set<KnobName> = [.keyCacheType, .valueCacheType]

  public init() {}

  public func settings(in context: AccelerationContext) -> [MethodSetting] {
    if let choices = context.abilities.choices[.keyCacheType], choices.isDisjoint(with: ["q8_0", "q4_0"]) {
      return [MethodSetting([.keyCacheType: .text("fp8"), .valueCacheType: .text("fp8")])]
    }
    guard context.model.headSize.isMultiple(of: Self.block) else {
      return [
        .refused(
          "heads of \(context.model.headSize) elements do not divide into blocks of \(Self.block)")
      ]
    }
    return ["q8_0", "q4_0"].map {
      MethodSetting([.keyCacheType: .text($0), .valueCacheType: .text($0)])
    }
  }
}

public import Serving

/// Switches the fused attention kernel off, or on where the engine would not by itself.
public struct FlashAttention: AccelerationMethod {
  static let methodName = MethodName("flash-attention")

  public let name = methodName
  public let summary =
    "Computes attention in one fused pass, or not (FlashAttention, NeurIPS 2022; llama.cpp --flash-attn)."
  /// The same sums in another order: differences are those of rounding.
  public let fidelity = Fidelity.exact
  public let knobs: Set<KnobName> = [.flashAttention]

  public init() {}

  public func settings(in context: AccelerationContext) -> [MethodSetting] {
    let off = MethodSetting([.flashAttention: .bool(false)])
    let on = MethodSetting(
      [.flashAttention: .bool(true)],
      refusedReason: context.accelerators.isEmpty
        ? "the engine's automatic choice on a processor is on already" : nil)
    return [off, on]
  }
}

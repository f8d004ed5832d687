public import Serving

/// Reads long prompts in other steps than the engine's: small steps keep buffers in cache and let running streams go
/// on between them, large ones read the weights less often.
public struct ChunkedPrefill: AccelerationMethod {
  static let methodName = MethodName("chunked-prefill")
  /// Tokens to read at once below which the smallest step is as good as any.
  static let shortestPrompt = 129
  static let steps: [(batch: Int, micro: Int)] = [(512, 128), (2048, 1024)]

  public let name = methodName
  public let summary =
    "Reads prompts in steps of another size (Sarathi-Serve, OSDI 2024; llama.cpp --batch-size, --ubatch-size)."
  public let fidelity = Fidelity.exact
  public let knobs: Set<KnobName> = [.chunkedPrefill, .batchTokens, .microBatchTokens]

  public init() {}

  public func settings(in context: AccelerationContext) -> [MethodSetting] {
    let longest = context.workload.promptTokens.upperBound
    guard longest >= Self.shortestPrompt else {
      return [.refused("prompts of \(longest) tokens fit in one step of every size")]
    }
    // An engine without steps within a step has one size, and may be told to read prompts whole.
    guard context.abilities.knobs.contains(.microBatchTokens) else {
      return Self.steps.map {
        MethodSetting(
          [.batchTokens: .int($0.batch)],
          refusedReason: longest <= $0.batch ? "prompts of \(longest) tokens fit in one step of \($0.batch)" : nil)
      } + [MethodSetting([.chunkedPrefill: .bool(false)])]
    }
    return Self.steps.map { step in
      let isDefault =
        step.micro > EngineDefaults.microBatchTokens && longest <= EngineDefaults.microBatchTokens
      return MethodSetting(
        [.batchTokens: .int(step.batch), .microBatchTokens: .int(step.micro)],
        refusedReason: isDefault
          ? "prompts of \(longest) tokens fit in one step of \(EngineDefaults.microBatchTokens), the default"
          : nil)
    }
  }
}

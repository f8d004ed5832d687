public import Serving

/// Reads prompts on some GPUs and writes tokens on others, so that long prompts do not hold up running streams.
public struct PrefillDecodeDisaggregation: AccelerationMethod {
  static let methodName = MethodName("prefill-decode-disaggregation")

  public let name = methodName
  public let summary =
    "Reads prompts and writes tokens on different GPUs (DistServe, OSDI 2024; SGLang --disaggregation-mode)."
  public let fidelity = Fidelity.exact
  public let knobs: Set<KnobName> = [.prefillDecodeSplit]

  public init() {}

  public func settings(in context: AccelerationContext) -> [MethodSetting] {
    if let reason = context.fewAccelerators(2) { return [.refused(reason)] }
    guard context.workload.concurrency > 1 || context.workload.arrivalRate != nil else {
      return [.refused("one request at a time has no stream to hold up")]
    }
    return [MethodSetting([.prefillDecodeSplit: .bool(true)])]
  }
}

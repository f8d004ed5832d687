public import Serving

/// Loads a file of the same model with fewer bytes for each weight. Decoding reads every weight for every token, so
/// half the bytes are up to twice the speed.
public struct WeightQuantization: AccelerationMethod {
  static let methodName = MethodName("weight-quantization")
  static let mostVariants = 3

  public let name = methodName
  public let summary =
    "Loads the same model with fewer bits for each weight, which changes the output (GGUF Q8_0, Q4_0 ...)."
  public let fidelity = Fidelity.approximate
  public let knobs: Set<KnobName> = [.weightVariant]

  public init() {}

  public func settings(in context: AccelerationContext) -> [MethodSetting] {
    let model = context.model
    let variants = context.available.filter {
      !model.variantGroup.isEmpty && $0.variantGroup == model.variantGroup && $0.id != model.id
        && $0.weightBytes < model.weightBytes
    }
    guard !variants.isEmpty else { return [.refused("no smaller file of \(model.name) is here")] }
    // Smallest first: the largest gain, at the largest loss of quality.
    let sorted = variants.sorted { ($0.weightBytes, $0.id) < ($1.weightBytes, $1.id) }
    return sorted.prefix(Self.mostVariants).map {
      MethodSetting([.weightVariant: .text($0.id.rawValue)])
    }
  }
}

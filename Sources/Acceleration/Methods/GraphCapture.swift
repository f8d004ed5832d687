public import Serving

/// Runs compiled code and recorded kernels, or the model step by step as it is written.
///
/// Compiling takes time at every start and gives it back at every step: on where an engine is eager, off where not.
public struct GraphCapture: AccelerationMethod {
  static let methodName = MethodName("graph-capture")

  public let name = methodName
  public let summary =
    "Runs compiled code and CUDA graphs, or the model as it is written (PyTorch 2, ASPLOS 2024; vLLM --enforce-eager)."
  public let fidelity = Fidelity.exact
  public let knobs: Set<KnobName> = [.graphCapture]

  public init() {}

  public func settings(in context: AccelerationContext) -> [MethodSetting] {
    let isDefault = context.abilities.defaults[.graphCapture]?.boolValue ?? true
    return [MethodSetting([.graphCapture: .bool(!isDefault)])]
  }
}

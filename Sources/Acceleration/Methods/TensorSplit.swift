public import Serving

/// Gives each GPU a share of the layers: by its memory, or the first one alone.
public struct TensorSplit: AccelerationMethod {
  static let methodName = MethodName("tensor-split")

  public let name = methodName
  public let summary = "Chooses each GPU's share of the model (llama.cpp --tensor-split)."
  public let fidelity = Fidelity.exact
  public let knobs: Set<KnobName> = [.tensorSplit]

  public init() {}

  public func settings(in context: AccelerationContext) -> [MethodSetting] {
    if let reason = context.fewAccelerators(2) { return [.refused(reason)] }
    let devices = context.accelerators
    let byMemory = devices.map { String(max(1, $0.memoryBytes >> 30)) }.joined(separator: ",")
    let even = devices.map { _ in "1" }.joined(separator: ",")
    let firstAlone = devices.indices.map { $0 == 0 ? "1" : "0" }.joined(separator: ",")
    let splits = Set(devices.map(\.memoryBytes)).count == 1 ? [even, firstAlone] : [byMemory, even, firstAlone]
    return splits.map { MethodSetting([.tensorSplit: .text($0)]) }
  }
}

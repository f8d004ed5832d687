import Glibc
import Serving

/// What a request's lengths cost on a machine at its best, so that jobs of unequal lengths can be compared: the two
/// leading terms of the roofline, reading the prompt at the rate of arithmetic and writing each token at the rate of
/// memory. What engines and strategies make of it is a factor that hardly depends on the lengths.
///
/// `CostModel` says it better and takes a hundred times as long, too long for each job that ends.
struct WorkScale: Sendable {
  private let promptTokenSeconds: Double
  private let outputTokenSeconds: Double

  init(_ model: ModelProfile, _ hardware: HardwareProfile) {
    promptTokenSeconds = 2 * Double(model.activeParameterCount) / max(1e9, hardware.gemmRate)
    outputTokenSeconds = Double(model.activeWeightBytes) / max(1e9, hardware.memoryBandwidth) + CostModel.stepSeconds
  }

  /// Logarithms to take from those of a request's costs, by `CostMetric`; 0 for memory and energy.
  func logarithms(promptTokens: Double, outputTokens: Double) -> SIMD8<Float> {
    let first = CostModel.requestSeconds + promptTokens * promptTokenSeconds
    let whole = first + max(0, outputTokens - 1) * outputTokenSeconds
    var lanes = SIMD8<Float>.zero
    lanes[CostMetric.ttft.rawValue] = Float(log(1000 * first))
    lanes[CostMetric.tpot.rawValue] = Float(log(1000 * outputTokenSeconds))
    lanes[CostMetric.e2e.rawValue] = Float(log(1000 * whole))
    lanes[CostMetric.throughput.rawValue] = Float(log(whole / max(1, outputTokens)))
    return lanes
  }
}

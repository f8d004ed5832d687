import Glibc
import Serving

/// `Workload.shape` in numbers: hashed without making a string.
struct WorkloadShape: Hashable, Sendable {
  var promptTokens: ClosedRange<Int32>
  var outputTokens: ClosedRange<Int32>
  var concurrency: Int32
  /// Negative for a closed loop.
  var arrivalRate: Float
  var sharedPrefixShare: Float
  var repetitiveness: Float

  init(_ workload: Workload) {
    promptTokens = Self.clamped(workload.promptTokens)
    outputTokens = Self.clamped(workload.outputTokens)
    concurrency = Int32(clamping: workload.concurrency)
    arrivalRate = workload.arrivalRate.map { Float($0) } ?? -1
    sharedPrefixShare = Float(workload.sharedPrefixShare)
    repetitiveness = Float(workload.repetitiveness)
  }

  private static func clamped(_ range: ClosedRange<Int>) -> ClosedRange<Int32> {
    Int32(clamping: range.lowerBound)...Int32(clamping: range.upperBound)
  }

  /// A coarse shape that similar ones share: lengths and rates to the nearest power of two, shares to a quarter.
  /// A prompt of 60 tokens and one of 75 behave alike; a job hardly ever has the exact length of a benchmark.
  var neighbourhood: WorkloadShape {
    var coarse = self
    coarse.promptTokens = Self.rounded(promptTokens)
    coarse.outputTokens = Self.rounded(outputTokens)
    coarse.concurrency = Int32(log2(Float(max(1, concurrency))).rounded())
    coarse.arrivalRate = arrivalRate > 0 ? log2(arrivalRate).rounded() : -1000
    coarse.sharedPrefixShare = (4 * sharedPrefixShare).rounded()
    coarse.repetitiveness = (4 * repetitiveness).rounded()
    return coarse
  }

  private static func rounded(_ range: ClosedRange<Int32>) -> ClosedRange<Int32> {
    let mean = (Float(range.lowerBound) + Float(range.upperBound)) / 2
    let exponent = Int32(log2(max(1, mean)).rounded())
    return exponent...exponent
  }

  /// How unlike two shapes are: 1 is a factor of e in one length, or a quarter of a share.
  func distance(to other: WorkloadShape) -> Double {
    func mean(_ range: ClosedRange<Int32>) -> Double {
      (Double(range.lowerBound) + Double(range.upperBound)) / 2
    }
    func ratio(_ a: Double, _ b: Double) -> Double { log(max(1, a) / max(1, b)) }
    let differences = [
      ratio(mean(promptTokens), mean(other.promptTokens)),
      ratio(mean(outputTokens), mean(other.outputTokens)),
      ratio(Double(concurrency), Double(other.concurrency)),
      4 * Double(sharedPrefixShare - other.sharedPrefixShare),
      4 * Double(repetitiveness - other.repetitiveness),
      (arrivalRate > 0) != (other.arrivalRate > 0) ? 2 : 0,
    ]
    return differences.reduce(0) { $0 + $1 * $1 }.squareRoot()
  }
}

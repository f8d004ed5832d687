import Glibc
public import Serving

/// How well memory was foreseen: over measurements in the order stored, each judged with what those before it taught.
public struct MemoryAccuracy: Sendable {
  private let kind: MemoryCorrections.Kind
  public private(set) var corrections = MemoryCorrections()
  /// |measured / foreseen - 1| of each measurement, as estimated and as corrected.
  private var estimated: [Float] = []
  private var corrected: [Float] = []
  /// Measurements that took more than was planned for, margin included: about one in twenty is wanted.
  public private(set) var overrunCount = 0

  public init(of kind: MemoryCorrections.Kind = .main) { self.kind = kind }

  public mutating func insert(_ measurement: Measurement) {
    guard let ratio = MemoryCorrections.ratio(measurement, of: kind) else { return }
    let correction = corrections.correction(
      engine: measurement.configuration.engine, model: measurement.loadedModel, of: kind)
    estimated.append(Float(abs(ratio - 1)))
    corrected.append(Float(abs(ratio / correction.factor - 1)))
    if ratio > correction.factor * correction.margin { overrunCount += 1 }
    corrections.insert(measurement)
  }

  /// Measurements with an estimate.
  public var count: Int { estimated.count }

  /// Relative errors: of the estimate alone, and with what had been learned by then. Nil without a measurement.
  public var errors: (estimated: Quantiles, corrected: Quantiles)? {
    guard count > 0 else { return nil }
    return (Quantiles(estimated), Quantiles(corrected))
  }

  public struct Quantiles: Hashable, Sendable {
    public var median: Double
    public var p90: Double

    init(_ values: [Float]) {
      let sorted = values.sorted()
      median = Double(sorted[(sorted.count - 1) / 2])
      p90 = Double(sorted[Int((0.9 * Double(sorted.count - 1)).rounded(.up))])
    }
  }
}

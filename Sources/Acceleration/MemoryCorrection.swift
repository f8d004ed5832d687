import Glibc
public import Serving

/// What was learned about memory estimates of one engine with one model.
public struct MemoryCorrection: Hashable, Sendable {
  /// Measured over estimated, as expected: 1 before anything was measured.
  public var factor: Double
  /// Spread of the logarithm of that ratio.
  public var deviation: Double
  /// Measurements of this engine with this model behind it.
  public var count: Int

  public init(factor: Double = 1, deviation: Double = 0, count: Int = 0) {
    self.factor = factor
    self.deviation = deviation
    self.count = count
  }

  /// Above 1: times this, the expected bytes are enough with 95% probability.
  public var margin: Double { exp(1.644_854 * deviation) }

  /// What an engine is expected to take.
  public func expectedBytes(_ estimate: Int) -> Int { Self.whole(Double(estimate) * factor) }

  /// What to keep free for it: with the margin.
  public func plannedBytes(_ estimate: Int) -> Int { Self.whole(Double(estimate) * factor * margin) }

  private static func whole(_ bytes: Double) -> Int { Int(min(bytes, 1e18)) }
}

extension MemoryCorrection: CustomStringConvertible {
  public var description: String {
    let margin = "\(Int(((margin - 1) * 100).rounded(.up)))% to be safe"
    guard count > 0 else { return "and \(margin)" }
    let learned = (factor * 100).rounded() / 100
    return "times \(learned) as \(count) measurements taught, and \(margin)"
  }
}

extension Measurement {
  /// The model whose file was loaded: the variant that the configuration names, or the asked one.
  public var loadedModel: ModelID {
    configuration[.weightVariant]?.textValue.map { ModelID($0) } ?? model.id
  }
}

public import Serving

/// How many tokens went to each expert of each layer: what placements are planned for.
public struct ExpertLoad: Hashable, Sendable {
  /// Most layers and experts of a layer: several times the largest published model's (61 and 384).
  public static let layerLimit = 1024
  public static let expertLimit = 4096

  public let layerCount: Int
  public let expertCount: Int
  /// `tokens[layer * expertCount + expert]`, finite and not negative; counts, or any numbers in proportion to them.
  public private(set) var tokens: [Double]

  /// - Parameter layers: `[layer][expert]`, as long in each layer.
  /// - Throws: `badInput` for no layer, no expert, rows of different lengths, and loads that are no numbers or negative.
  public init(_ layers: [[Double]]) throws(ApusError) {
    guard let first = layers.first, !first.isEmpty else {
      throw ApusError(.badInput, "the load has no layer or no expert", advice: "give one row for each layer")
    }
    guard layers.count <= Self.layerLimit, first.count <= Self.expertLimit else {
      throw ApusError(
        .badInput, "a load of \(layers.count) layers x \(first.count) experts is too large",
        advice: "at most \(Self.layerLimit) x \(Self.expertLimit)")
    }
    for (layer, row) in layers.enumerated() {
      guard row.count == first.count else {
        throw ApusError(
          .badInput, "layer \(layer) has \(row.count) experts where layer 0 has \(first.count)",
          advice: "give each layer a load for each expert")
      }
      for (expert, load) in row.enumerated() where !load.isFinite || load < 0 {
        throw ApusError(
          .badInput, "the load of layer \(layer), expert \(expert) is \(load)",
          advice: "loads are counts of tokens: finite and not negative")
      }
    }
    layerCount = layers.count
    expertCount = first.count
    tokens = layers.flatMap { $0 }
  }

  init(layerCount: Int, expertCount: Int, tokens: [Double]) {
    precondition(tokens.count == layerCount * expertCount, "a load for each expert of each layer")
    self.layerCount = layerCount
    self.expertCount = expertCount
    self.tokens = tokens
  }

  /// The loads of one layer's experts.
  public func layer(_ layer: Int) -> ArraySlice<Double> {
    tokens[layer * expertCount..<(layer + 1) * expertCount]
  }

  /// What was seen before fades, what came now is added: `self * decay + other`.
  ///
  /// - Parameter decay: 0 forgets, 1 keeps everything.
  public func fading(by decay: Double, adding other: ExpertLoad) -> ExpertLoad {
    precondition((0...1).contains(decay), "a decay is from 0 to 1")
    precondition(other.layerCount == layerCount && other.expertCount == expertCount, "loads of the same model")
    return ExpertLoad(
      layerCount: layerCount, expertCount: expertCount, tokens: zip(tokens, other.tokens).map { $0 * decay + $1 })
  }
}

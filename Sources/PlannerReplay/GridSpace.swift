public import Serving

/// A full factorial of an engine's settings: every combination of one level of each factor.
public struct GridSpace: Sendable {
  /// One thing that is varied, such as the number of slots.
  public struct Factor: Sendable {
    public var name: String
    /// Knobs of each level. The first is the engine's default and sets none.
    public var levels: [[KnobName: KnobValue]]

    public init(_ name: String, _ settings: [[KnobName: KnobValue]]) {
      self.name = name
      levels = [[:]] + settings
    }
  }

  public let factors: [Factor]

  public init(_ factors: [Factor]) { self.factors = factors }

  public var count: Int { factors.reduce(1) { $0 * $1.levels.count } }

  /// The levels of each combination, the default (all levels 0) first.
  public var points: [[Int]] {
    factors.reversed().reduce([[]]) { tails, factor in
      factor.levels.indices.flatMap { level in tails.map { [level] + $0 } }
    }
  }

  public func knobs(_ point: [Int]) -> [KnobName: KnobValue] {
    zip(factors, point).reduce(into: [:]) { knobs, pair in
      knobs.merge(pair.0.levels[pair.1]) { _, _ in preconditionFailure("two factors set one knob") }
    }
  }

  /// Each factor that is not at its default is a method of its own.
  public func methods(_ point: [Int]) -> [MethodName] {
    zip(factors, point).compactMap { $1 == 0 ? nil : MethodName($0.name) }
  }

  /// llama.cpp's settings on a machine of two cores: 108 combinations. Cache types and flash attention are one factor,
  /// because quantized values need the fused kernel.
  ///
  /// - Parameter draftModel: as the `draft_model` knob names it.
  public static func llamaCpp(draftModel: String) -> GridSpace {
    GridSpace([
      Factor("continuous-batching", [[.slotCount: .int(4)], [.slotCount: .int(8)]]),
      Factor("thread-count", [[.threadCount: .int(1)]]),
      Factor(
        "speculation",
        [
          [.speculation: .text("n-gram"), .ngramSize: .int(3), .draftTokens: .int(8)],
          [.speculation: .text("draft-model"), .draftModel: .text(draftModel), .draftTokens: .int(3)],
        ]),
      Factor(
        "attention",
        [
          [.flashAttention: .bool(false)],
          [.keyCacheType: .text("q8_0"), .valueCacheType: .text("q8_0")],
        ]),
      Factor("chunked-prefill", [[.microBatchTokens: .int(64)]]),
    ])
  }
}

import Glibc
import PlannerReplay
import Serving

/// A grid with a known law: settings multiply, two of them do not go together, and repeats are noisy.
enum SyntheticGrid {
  static let space = GridSpace.llamaCpp(draftModel: "draft")
  /// Logarithmic gain of each level of each factor.
  static let gains: [[Double]] = [[0, 0.35, 0.5], [0, 0.2], [0, 0.05, 0.25], [0, -0.2, -0.3], [0, 0.06]]

  static func law(_ point: [Int]) -> Double {
    var sum = zip(gains, point).reduce(0) { $0 + $1.0[$1.1] }
    // Slots and a draft model compete.
    if point[0] > 0, point[2] == 2 { sum -= 0.4 }
    return sum
  }

  static func grid(noise: Double, repeats: Int = 3, seed: UInt64 = 1) -> MeasuredGrid {
    var generator = SeededGenerator(seed: seed)
    return MeasuredGrid(
      model: "law", workload: "w\(seed)", space: space,
      points: space.points.enumerated().map { place, levels in
        MeasuredGrid.Point(
          levels: levels,
          configuration: EngineConfiguration(
            engine: EngineName("llamacpp"), methods: space.methods(levels), knobs: space.knobs(levels)),
          samples: place == 0
            ? [0] : (0..<repeats).map { _ in law(levels) + noise * normal(using: &generator) }, failureCount: 0,
          value: law(levels))
      })
  }

  /// The sum of twelve uniform draws is nearly normal.
  private static func normal(using generator: inout SeededGenerator) -> Double {
    (0..<12).reduce(-6.0) { sum, _ in sum + Double.random(in: 0..<1, using: &generator) }
  }
}

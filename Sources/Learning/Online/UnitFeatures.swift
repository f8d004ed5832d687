/// Contexts as linear models take them: missing values are their running mean, and the whole has unit length (as in
/// Tornede, Bengs, Hüllermeier, AAAI 2022).
struct UnitFeatures: Sendable {
  private var means: [Double] = []
  private var seen: [Double] = []

  /// Takes a context into the means.
  mutating func learn(_ context: [Float]) {
    if means.isEmpty {
      means = [Double](repeating: 0, count: context.count)
      seen = means
    }
    for (place, value) in context.enumerated() where value.isFinite {
      seen[place] += 1
      means[place] += (Double(value) - means[place]) / seen[place]
    }
  }

  func callAsFunction(_ context: [Float]) -> [Double] {
    let filled = context.enumerated().map { $1.isFinite ? Double($1) : means.isEmpty ? 0 : means[$0] }
    let length = filled.reduce(0) { $0 + $1 * $1 }.squareRoot()
    return length > 0 ? filled.map { $0 / length } : filled
  }
}

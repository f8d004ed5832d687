/// A model that says the same of every instance, and so reads no features.
struct FixedScores: TableModel {
  /// One for each algorithm of the table.
  let scores: [Double]
  var readsFeatures: Bool { false }

  func scores(of instance: ArraySlice<Float>, among candidates: [Int]) -> [Double] { candidates.map { scores[$0] } }
}

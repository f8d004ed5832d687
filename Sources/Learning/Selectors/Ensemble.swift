/// The mean of several selectors' scores, each as standard scores among the candidates of the instance at hand.
///
/// Voting ensembles beat choosing one selector by features (Tornede and others, Machine Learning 2022): their errors
/// differ, and none has to be trusted.
struct Ensemble: TableSelector {
  let name: String
  let summary: String
  let members: [any TableSelector]

  func train(on table: SelectionTable, _ context: TrainingContext) -> any TableModel {
    Model(members: members.enumerated().map { $1.train(on: table, context.part($0)) })
  }

  private struct Model: TableModel {
    let members: [any TableModel]

    func scores(of instance: ArraySlice<Float>, among candidates: [Int]) -> [Double] {
      var sums = [Double](repeating: 0, count: candidates.count)
      for member in members {
        let scores = member.scores(of: instance, among: candidates)
        let mean = scores.reduce(0, +) / Double(scores.count)
        let deviation = (scores.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(scores.count)).squareRoot()
        // A member that sees no difference has no say.
        guard deviation > 1e-12 * abs(mean) else { continue }
        for place in sums.indices { sums[place] += (scores[place] - mean) / deviation }
      }
      return sums
    }
  }
}

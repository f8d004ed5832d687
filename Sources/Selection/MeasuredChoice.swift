/// Measured cells of which one would have been chosen: what choices are judged by in hindsight.
struct MeasuredChoice: Sendable {
  /// Places of two cells or more, with the logarithms of their costs over something that they share.
  var cells: [(place: Int, cost: Double)]

  /// The lowest cost.
  var best: Double { cells.map(\.cost).min()! }

  /// How much more than the best one the cell costs that is foreseen to cost the least; a logarithm, at least 0.
  func regret(_ foreseen: (_ place: Int) -> Double) -> Double {
    let all = cells.map { (foreseen: foreseen($0.place), cost: $0.cost) }
    return all.min { $0.foreseen < $1.foreseen }!.cost - best
  }
}

extension MeasuredCells {
  /// Between the configurations of each context and engine.
  func configurationChoices(_ metric: CostMetric, among places: [Int]) -> [MeasuredChoice] {
    let costs = costs[metric.rawValue]
    return Self.choices(Dictionary(grouping: places) { cells[$0].baselineRow }) { places in
      let isCompared = places.contains { cells[$0].isBaseline && !costs[$0].level.isNaN }
      return places.map { place in
        if cells[place].isBaseline { return isCompared ? 0 : .nan }
        // Without the default the times themselves compare.
        return Double(isCompared ? costs[place].ratio : costs[place].level)
      }
    }
  }

  /// Between all nodes, engines and configurations for a model and a workload.
  ///
  /// - Parameter parts: of each cell of `places`: those of one part are chosen from together.
  func nodeChoices(_ metric: CostMetric, among places: [Int], parts: [Int]) -> [MeasuredChoice] {
    let costs = costs[metric.rawValue]
    let part = Dictionary(uniqueKeysWithValues: zip(places, parts))
    let questions = Dictionary(grouping: places) { [Int32(part[$0]!), cells[$0].model, cells[$0].workload] }
    return Self.choices(questions) { places in places.map { Double(costs[$0].level) } }
  }

  /// In the order in which their cells were first measured.
  private static func choices<Key: Hashable>(
    _ questions: [Key: [Int]], costs: ([Int]) -> [Double]
  ) -> [MeasuredChoice] {
    questions.values.sorted { $0[0] < $1[0] }.compactMap { places in
      let known = zip(places, costs(places)).filter { !$0.1.isNaN }
      return known.count > 1 ? MeasuredChoice(cells: known.map { (place: $0.0, cost: $0.1) }) : nil
    }
  }
}

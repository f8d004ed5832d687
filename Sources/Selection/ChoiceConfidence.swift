import Glibc
import Serving

/// How probable it is that a choice costs hardly more than the best candidate would, from draws of what all of them may
/// cost: 5% within which nobody notices, and doubt that is partly common to all candidates of a node.
///
/// Three parts of a cost are drawn: the default's cost on the node, common to all its candidates; the part of the
/// ratio's error that all unmeasured candidates of a node share; and each candidate's own.
struct ChoiceConfidence {
  /// A choice that costs at most this much more than the best one is as good.
  static let nearlyBest = log(1.05)
  /// Below this the choice is not to be trusted: measuring is better.
  static let sure = 0.5
  /// The deviation of a share from so many draws is at most 0.03.
  private static let draws = 256
  /// Candidates that may be the best are far fewer in practice.
  private static let mostCandidates = 64
  private static let mostNodes = 8

  /// That the choice costs at most 5% more than the best candidate, 0...1.
  let probability: Double
  /// For each place in the ranking how often it was the best one, more than never.
  let winners: [(place: Int, share: Double)]

  /// - Parameters:
  ///   - ranking: in a fixed order, so that equal questions get equal answers.
  ///   - choice: its place in the ranking.
  ///   - commonShare: of an entry, how much of its ratio's variance it shares with its node's other candidates.
  init?(_ ranking: [RankingEntry], choice: Int, commonShare: (RankingEntry) -> Double) {
    let comparable = ranking.indices.filter { ranking[$0].posterior != nil && ranking[$0].isComparable }
    guard comparable.contains(choice) else { return nil }
    // Those that reach lowest first.
    func reach(_ place: Int) -> Double {
      ranking[place].expectedCost - 2 * ranking[place].posterior!.cost.variance.squareRoot()
    }
    var places = Array(
      comparable.sorted { (reach($0), $0) < (reach($1), $1) }.prefix(Self.mostCandidates))
    if !places.contains(choice) { places[places.count - 1] = choice }
    var nodes: [Int: Int] = [:]
    let lanes = places.map { place in
      let entry = ranking[place]
      let posterior = entry.posterior!
      let node = nodes[entry.set] ?? nodes.count % Self.mostNodes
      nodes[entry.set] = node
      let common = commonShare(entry)
      return Lane(
        mean: entry.expectedCost, level: posterior.level.variance.squareRoot(),
        common: (common * posterior.ratio.variance).squareRoot(),
        own: ((1 - common) * posterior.ratio.variance).squareRoot(), node: node)
    }
    let chosen = places.firstIndex(of: choice)!
    var near = 0
    var wins = [Int](repeating: 0, count: places.count)
    Normals.table.withUnsafeBufferPointer { normals in
      for draw in 0..<Self.draws {
        let row = draw * (Self.mostCandidates + 2 * Self.mostNodes)
        var (best, winner, choiceCost) = (Double.infinity, 0, 0.0)
        for (place, lane) in lanes.enumerated() {
          let nodeRow = row + Self.mostCandidates + 2 * lane.node
          let cost =
            lane.mean + lane.level * Double(normals[nodeRow]) + lane.common * Double(normals[nodeRow + 1])
            + lane.own * Double(normals[row + place])
          if cost < best { (best, winner) = (cost, place) }
          if place == chosen { choiceCost = cost }
        }
        wins[winner] += 1
        if choiceCost <= best + Self.nearlyBest { near += 1 }
      }
    }
    probability = Double(near) / Double(Self.draws)
    winners = wins.enumerated().filter { $0.element > 0 }
      .map { (place: places[$0.offset], share: Double($0.element) / Double(Self.draws)) }
      .sorted { ($1.share, $0.place) < ($0.share, $1.place) }
  }

  private struct Lane {
    var mean: Double
    var level: Double
    var common: Double
    var own: Double
    var node: Int
  }

  /// Standard normal draws, the same in every process.
  private enum Normals {
    static let table: [Float] = {
      var generator = SeededGenerator(seed: 1)
      return (0..<draws * (mostCandidates + 2 * mostNodes)).map { _ in
        let size = (-2 * log(Double.random(in: 1e-12..<1, using: &generator))).squareRoot()
        return Float(size * cos(2 * .pi * Double.random(in: 0..<1, using: &generator)))
      }
    }()
  }
}

public import Serving

/// Who starts in a race, in the order to try them: a static portfolio, then the rest by what is foreseen.
///
/// The portfolio is the opening: what did best over all other contexts (auto-sklearn 2.0, JMLR 2022). Mostly one of its
/// few is good here too. Where nobody knows anything yet, the opening is each of the first few methods alone.
public struct StartList: Hashable, Sendable {
  /// Portfolio, then the rest.
  public let entrants: [Entrant]
  public let openingCount: Int
  /// Methods that open a race of which nothing is known. On the grid of README 2 lead to 95% of the best in 6 blocks, 3 in
  /// 7, 4 in 9, and 84%, 69% and 68% of runs are there after a fifth of it; without any it was 59%.
  private static let firstMethods = 2

  /// - Parameters:
  ///   - entrants: in the order in which methods proposed them: of each method the most promising setting first.
  ///   - portfolio: configurations that did best elsewhere, the best first. Those that are no entrants are left out.
  public init(_ entrants: [Entrant], portfolio: [EngineConfiguration] = []) {
    var rest = entrants
    var opening: [Entrant] = []
    for member in portfolio {
      if let place = rest.firstIndex(where: { Self.runsTheSame($0.candidate.configuration, member) }) {
        opening.append(rest.remove(at: place))
      }
    }
    if opening.isEmpty, entrants.allSatisfy({ $0.foreseen == nil }) {
      opening = Self.eachMethodAlone(rest)
      rest.removeAll(where: opening.contains)
    }
    openingCount = opening.count
    let order = rest.indices.sorted { (-rest[$0].promise, $0) < (-rest[$1].promise, $1) }
    self.entrants = opening + order.map { rest[$0] }
  }

  /// The first setting of each of the first few methods that keep the output.
  private static func eachMethodAlone(_ entrants: [Entrant]) -> [Entrant] {
    var seen: Set<MethodName> = []
    let alone = entrants.filter { entrant in
      let methods = entrant.candidate.configuration.methods
      return entrant.candidate.fidelity == .exact && methods.count == 1 && seen.insert(methods[0]).inserted
    }
    return Array(alone.prefix(firstMethods))
  }

  /// The methods follow from the knobs; a portfolio from an old history may lack them.
  private static func runsTheSame(_ a: EngineConfiguration, _ b: EngineConfiguration) -> Bool {
    a.engine == b.engine && a.knobs == b.knobs
  }
}

extension Entrant {
  fileprivate var promise: Double { foreseen?.mean ?? 0 }
}

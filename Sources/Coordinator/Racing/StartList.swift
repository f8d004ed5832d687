public import Serving

/// Who starts in a race, in the order to try them: a static portfolio, then a diverse set, then the rest by what is
/// foreseen.
///
/// The portfolio is what did best over all other contexts (auto-sklearn 2.0, JMLR 2022): mostly one of its few is good
/// here too. The diverse set is one setting of each method alone, so that no kind of gain goes unseen and the search can
/// add up what each gave. Both together are the opening.
public struct StartList: Hashable, Sendable {
  /// Portfolio, diverse set, rest.
  public let entrants: [Entrant]
  public let openingCount: Int

  /// - Parameters:
  ///   - entrants: in the order in which methods proposed them: of each method the most promising setting first.
  ///   - portfolio: configurations that did best elsewhere, the best first. Those that are no entrants are left out.
  ///   - isDiverse: whether one setting of each method goes into the opening.
  public init(_ entrants: [Entrant], portfolio: [EngineConfiguration] = [], isDiverse: Bool = true) {
    var rest = entrants
    var opening: [Entrant] = []
    for member in portfolio {
      if let place = rest.firstIndex(where: { Self.runsTheSame($0.candidate.configuration, member) }) {
        opening.append(rest.remove(at: place))
      }
    }
    if isDiverse {
      var kinds: [Kind] = []
      for entrant in rest {
        if let kind = Kind(entrant), !kinds.contains(kind) { kinds.append(kind) }
      }
      for kind in kinds where !opening.contains(where: { Kind($0) == kind }) {
        // The one foreseen best; the method's own order among equals.
        let settings = rest.indices.filter { Kind(rest[$0]) == kind }
        guard let place = settings.max(by: { (rest[$0].promise, -$0) < (rest[$1].promise, -$1) }) else { continue }
        opening.append(rest.remove(at: place))
      }
    }
    openingCount = opening.count
    let order = rest.indices.sorted { (-rest[$0].promise, $0) < (-rest[$1].promise, $1) }
    self.entrants = opening + order.map { rest[$0] }
  }

  /// The methods follow from the knobs; a portfolio from an old history may lack them.
  private static func runsTheSame(_ a: EngineConfiguration, _ b: EngineConfiguration) -> Bool {
    a.engine == b.engine && a.knobs == b.knobs
  }

  /// What makes two settings of one kind: the engine and the only method. Nil for combinations.
  private struct Kind: Hashable {
    var engine: EngineName
    var method: MethodName?

    init?(_ entrant: Entrant) {
      let configuration = entrant.candidate.configuration
      guard configuration.methods.count <= 1 else { return nil }
      engine = configuration.engine
      method = configuration.methods.first
    }
  }
}

extension Entrant {
  fileprivate var promise: Double { foreseen?.mean ?? 0 }
}

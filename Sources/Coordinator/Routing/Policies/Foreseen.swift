import Serving

/// Where the job's objective is foreseen to come out best, the wait included: it may be better to wait for a fast node
/// than to take a slow one that is free. What keeps its deadline and limits goes before what does not.
struct Foreseen: RoutingPolicy {
  var movesWaiting: Bool { true }
  var takesLeastValue: Bool { true }

  mutating func pick(_ options: [RouteOption], using generator: inout SeededGenerator) -> Int {
    Self.best(of: options)
  }

  static func best(of options: [RouteOption]) -> Int {
    var best = 0
    for place in options.indices.dropFirst() {
      let (own, other) = (options[place], options[best])
      if own.isLate != other.isLate ? other.isLate : own.value < other.value { best = place }
    }
    return best
  }
}

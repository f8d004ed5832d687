import Serving

/// The least work that runs and waits there, in seconds: tokens over the speed that was measured. Of idle nodes the
/// fastest; one that was not measured yet is taken to be as fast as the others on average.
struct LeastWork: RoutingPolicy {
  mutating func pick(_ options: [RouteOption], using generator: inout SeededGenerator) -> Int {
    let known = options.compactMap(\.workPerSecond)
    let mean = known.isEmpty ? 1 : known.reduce(0, +) / Double(known.count)
    // A token more tells the idle ones apart.
    return options.least(using: &generator) {
      ($0.outstandingWork + 1) / ($0.workPerSecond ?? mean) / Double($0.slotCount)
    }
  }
}

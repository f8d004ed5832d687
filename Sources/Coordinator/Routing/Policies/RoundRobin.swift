import Serving

/// The next one in turn, whatever it is.
struct RoundRobin: RoutingPolicy {
  private var last = -1

  mutating func pick(_ options: [RouteOption], using generator: inout SeededGenerator) -> Int {
    // The least number above the last one's, else the least of all.
    let place = options.indices.min {
      let (a, b) = (options[$0].node, options[$1].node)
      return (a > last) != (b > last) ? a > last : a < b
    }!
    last = options[place].node
    return place
  }
}

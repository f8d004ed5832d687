import Serving

/// The less loaded of two that are drawn (Mitzenmacher: The power of two choices in randomized load balancing, 2001).
struct PowerOfTwo: RoutingPolicy {
  mutating func pick(_ options: [RouteOption], using generator: inout SeededGenerator) -> Int {
    guard options.count > 1 else { return 0 }
    let first = Int.random(in: options.indices, using: &generator)
    var second = Int.random(in: 0..<options.count - 1, using: &generator)
    if second >= first { second += 1 }
    return LeastLoaded.load(options[first]) <= LeastLoaded.load(options[second]) ? first : second
  }
}

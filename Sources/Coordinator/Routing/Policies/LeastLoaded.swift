import Serving

/// The fewest jobs that run and wait, for each place that it has.
struct LeastLoaded: RoutingPolicy {
  mutating func pick(_ options: [RouteOption], using generator: inout SeededGenerator) -> Int {
    options.least(using: &generator, by: Self.load)
  }

  static func load(_ option: RouteOption) -> Double {
    Double(option.runningCount + option.waitingCount) / Double(option.slotCount)
  }
}

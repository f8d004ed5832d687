import Serving

/// Where most of the prompt is cached; the least loaded where nothing is.
struct PrefixOnly: RoutingPolicy {
  mutating func pick(_ options: [RouteOption], using generator: inout SeededGenerator) -> Int {
    let most = options.lazy.map(\.cachedShare).max() ?? 0
    return options.least(using: &generator) {
      most > 0 ? -$0.cachedShare : LeastLoaded.load($0)
    }
  }
}

import ExpertPlacement
import Glibc

/// A slower machine played by this one: results are computed, and then held back until that machine would have had them.
///
/// Only true while it takes longer than the computing here does, so it should be at least five times slower: on a busy
/// machine with fewer cores than hosts real products would measure the machine, not the placement.
struct EmulatedSpeed: Sendable {
  let speed: PlacementHost.Speed
  let geometry: ExpertGeometry

  /// Seconds that machine computes: as the cost model counts, for each expert the longer of computing and reading weights.
  func seconds(_ sums: ExpertSums, work: ExpertWork) -> Double {
    let fraction = Double(work.cut.count) / Double(geometry.intermediateSize)
    return sums.expertTokens.reduce(0) { sum, tokens in
      let operations = Double(tokens) * geometry.operationsPerToken * fraction / speed.operationsPerSecond
      let reading = geometry.expertBytes * fraction / speed.memoryBytesPerSecond + PlacementCostModel.expertSeconds
      return sum + max(operations, reading)
    }
  }

  /// Blocks the calling thread, which is the host's computing thread and has nothing else to do.
  static func hold(_ duration: Double) {
    guard duration > 0 else { return }
    var left = timespec(tv_sec: Int(duration), tv_nsec: Int((duration - duration.rounded(.down)) * 1e9))
    var rest = timespec()
    while nanosleep(&left, &rest) != 0 && errno == EINTR { left = rest }
  }
}

import Synchronization

/// When each token of one request came.
final class ArrivalLog: Sendable {
  private let times = Mutex<[Double]>([])

  func note(_ arrival: TokenArrival) {
    let seconds = arrival.at.seconds
    times.withLock { $0.append(contentsOf: repeatElement(seconds, count: arrival.tokenIDs.count)) }
  }

  /// Arrival times in seconds since sending, ascending.
  ///
  /// - Parameter total: tokens the engine counted. Where it counted more than it showed (several in one event, or some
  ///   without text), the ones not seen are taken to have come with the events, evenly; their number is right and
  ///   their times are within one event.
  func tokenSeconds(total: Int) -> [Double] {
    let seen = times.withLock { $0 }
    guard !seen.isEmpty, total > seen.count else { return seen }
    return (0..<total).map { seen[$0 * seen.count / total] }
  }
}

import Synchronization

/// How one request ended, counted once: by its status, or of a stream that failed after its head by the one that it would
/// have had. One that nobody took the answer of is a 499.
final class RequestEnding: Sendable {
  static let clientIsGone = 499

  private let route: String
  private let metrics: GatewayMetrics
  private let isCounted = Mutex(false)

  init(route: String, _ metrics: GatewayMetrics) {
    self.route = route
    self.metrics = metrics
  }

  /// Does nothing once it is counted.
  func count(_ status: Int) {
    let isFirst = isCounted.withLock { isCounted in
      defer { isCounted = true }
      return !isCounted
    }
    if isFirst { metrics.answered(route, status: status) }
  }

  deinit { count(Self.clientIsGone) }
}

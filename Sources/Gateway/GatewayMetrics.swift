import Synchronization

/// What the gateway counted since its start, as Prometheus reads it (text format 0.0.4).
final class GatewayMetrics: Sendable {
  private static let buckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

  private struct Counts {
    var requests: [Request: Int] = [:]
    var running = 0
    var tokens = 0
    var abandoned = 0
    var stalled = 0
    var ttft = [Int](repeating: 0, count: buckets.count + 1)
    var ttftSum = 0.0
  }

  private struct Request: Hashable {
    var route: String
    var status: Int
  }

  private let counts = Mutex(Counts())

  func begin() { counts.withLock { $0.running += 1 } }
  func end() { counts.withLock { $0.running -= 1 } }

  /// Routes are those of the router, so there are few; whatever else was asked is one.
  func answered(_ route: String, status: Int) {
    counts.withLock { $0.requests[Request(route: route, status: status), default: 0] += 1 }
  }

  func generated(tokens: Int) { counts.withLock { $0.tokens += tokens } }
  func abandoned() { counts.withLock { $0.abandoned += 1 } }
  func stalled() { counts.withLock { $0.stalled += 1 } }

  func firstToken(afterSeconds seconds: Double) {
    counts.withLock { counts in
      counts.ttft[Self.buckets.firstIndex { seconds <= $0 } ?? Self.buckets.count] += 1
      counts.ttftSum += seconds
    }
  }

  func write(to text: inout PrometheusText, isConnected: Bool) {
    let counts = counts.withLock { $0 }
    let requests = counts.requests.sorted { ($0.key.route, $0.key.status) < ($1.key.route, $1.key.status) }
    text.add(
      "apus_gateway_requests_total", .counter, "Requests answered.",
      requests.map { (labels: [("route", $0.key.route), ("status", String($0.key.status))], value: $0.value) })
    text.add("apus_gateway_running_requests", .gauge, "Requests being answered.", counts.running)
    text.add(
      "apus_gateway_coordinator_connected", .gauge, "1 while the coordinator answers.", isConnected ? 1 : 0)
    text.add("apus_gateway_output_tokens_total", .counter, "Tokens generated for clients.", counts.tokens)
    text.add("apus_gateway_abandoned_requests_total", .counter, "Requests whose client went away.", counts.abandoned)
    text.add(
      "apus_gateway_stalled_clients_total", .counter, "Connections closed because their client took nothing.",
      counts.stalled)
    let ttft = "apus_gateway_ttft_seconds"
    text.begin(ttft, .histogram, "Request read to first token written.")
    var sum = 0
    for (place, count) in counts.ttft.enumerated() {
      sum += count
      text.line("\(ttft)_bucket", [("le", place < Self.buckets.count ? "\(Self.buckets[place])" : "+Inf")], sum)
    }
    text.line("\(ttft)_sum", [], counts.ttftSum)
    text.line("\(ttft)_count", [], sum)
  }
}

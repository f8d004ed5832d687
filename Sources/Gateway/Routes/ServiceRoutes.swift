import HTTPTypes
import Hummingbird
import Messaging
import NIOCore
import Serving

/// What operates the gateway: `/health`, `/ready`, and `/metrics` of the gateway, the coordinator and its workers. Asked
/// without a key.
struct ServiceRoutes: Sendable {
  static let paths: Set<String> = ["/health", "/ready", "/metrics"]

  let link: CoordinatorLink
  let metrics: GatewayMetrics
  /// How long the coordinator may take to say how it does: far less than a scrape may take.
  var patience = Duration.seconds(2)

  func add(to router: Router<GatewayContext>) {
    router.get("/health") { _, _ in Response(json: JSONText(raw: #"{"status":"ok"}"#)) }
    router.get("/ready") { _, _ in
      await link.isUp
        ? Response(json: JSONText(raw: #"{"status":"ready"}"#))
        : Response(json: JSONText(raw: #"{"status":"no coordinator"}"#), status: .serviceUnavailable)
    }
    router.get("/metrics") { _, _ in
      let status = await coordinatorStatus()
      var text = PrometheusText()
      metrics.write(to: &text, isConnected: await link.isUp)
      status?.write(to: &text)
      return Response(
        status: .ok, headers: [.contentType: "text/plain; version=0.0.4"],
        body: ResponseBody(byteBuffer: ByteBuffer(string: text.text)))
    }
  }

  /// Nil when the coordinator does not answer at once: the gateway's own numbers are told all the same.
  private func coordinatorStatus() async -> CoordinatorStatus? {
    await withTaskGroup(of: CoordinatorStatus?.self) { group in
      group.addTask {
        guard case .status(let status)? = try? await link.ask(.showStatus) else { return nil }
        return status
      }
      group.addTask { [patience] in
        try? await Task.sleep(for: patience)
        return nil
      }
      defer { group.cancelAll() }
      return await group.next() ?? nil
    }
  }
}

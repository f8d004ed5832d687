import HTTPTypes
import Hummingbird
import NIOCore

/// What operates the gateway: `/health`, `/ready` and `/metrics`. Asked without a key.
struct ServiceRoutes: Sendable {
  static let paths: Set<String> = ["/health", "/ready", "/metrics"]

  let link: CoordinatorLink
  let metrics: GatewayMetrics

  func add(to router: Router<GatewayContext>) {
    router.get("/health") { _, _ in Response(json: JSONText(raw: #"{"status":"ok"}"#)) }
    router.get("/ready") { _, _ in
      await link.isUp
        ? Response(json: JSONText(raw: #"{"status":"ready"}"#))
        : Response(json: JSONText(raw: #"{"status":"no coordinator"}"#), status: .serviceUnavailable)
    }
    router.get("/metrics") { _, _ in
      let text = metrics.text(isConnected: await link.isUp)
      return Response(
        status: .ok, headers: [.contentType: "text/plain; version=0.0.4"],
        body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
  }
}

import HTTPTypes
import Hummingbird

/// Which methods the paths take that there are.
struct RouteTable: Sendable {
  private struct Route {
    /// Of its path; nil for one that may be anything.
    var parts: [Substring?]
    var method: HTTPRequest.Method
  }

  private let routes: [Route]

  init(_ routes: [Router<GatewayContext>.RouteDescription]) {
    self.routes = routes.map { route in
      let parts = "\(route.path)".split(separator: "/").map { $0.hasPrefix("{") ? nil : $0 }
      return Route(parts: parts, method: route.method)
    }
  }

  /// Why a request came to no route.
  func refusal(_ request: Request) -> OpenAIError {
    let path = request.uri.path.split(separator: "/")
    let fitting = routes.filter { route in
      route.parts.count == path.count && zip(route.parts, path).allSatisfy { $0 == nil || $0 == $1 }
    }
    guard !fitting.isEmpty else {
      return OpenAIError(
        .notFound, "there is no such route; see /v1/models or the OpenAPI description", code: "not_found")
    }
    let methods = fitting.map(\.method).flatMap { $0 == .get ? [$0, .head] : [$0] }
    let allowed = methods.map(\.rawValue).joined(separator: ", ")
    return OpenAIError(
      .methodNotAllowed, "\(request.uri.path) takes \(allowed), not \(request.method.rawValue)",
      code: "method_not_allowed", headers: [.allow: allowed])
  }
}

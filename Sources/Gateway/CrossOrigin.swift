import HTTPTypes
import Hummingbird

/// Lets pages of other origins ask, as browsers want to hear it (CORS, fetch.spec.whatwg.org). Stands before the
/// gatekeeper: browsers ask without a key whether they may ask with one.
struct CrossOrigin: RouterMiddleware {
  /// Such as `https://app.example.org`; `*` for all.
  let origins: [String]

  func handle(
    _ request: Request, context: GatewayContext, next: @concurrent (Request, GatewayContext) async throws -> Response
  ) async throws -> Response {
    guard let origin = request.headers[.origin], origins.contains(origin) || origins.contains("*") else {
      return try await next(request, context)
    }
    let isPreflight = request.method == .options && request.headers[.accessControlRequestMethod] != nil
    var response = isPreflight ? Response(status: .noContent) : try await next(request, context)
    response.headers[.accessControlAllowOrigin] = origin
    response.headers[.vary] = "Origin"
    if isPreflight {
      response.headers[.accessControlAllowMethods] = "GET, HEAD, POST"
      response.headers[.accessControlAllowHeaders] = request.headers[.accessControlRequestHeaders]
      response.headers[.accessControlMaxAge] = "600"
    } else {
      response.headers[.accessControlExposeHeaders] = Self.shown
    }
    return response
  }

  private static let shown = [
    HTTPField.Name.apusJob, .apusNode, .apusStrategy, .apusPredictedTTFT, .apusTTFT, .retryAfter, .shouldRetry,
  ].map(\.rawName).joined(separator: ", ")
}

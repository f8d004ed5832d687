import Foundation
import HTTPTypes
import Hummingbird
import Messaging
import NIOCore
import Synchronization

/// What a request carries through the routes.
struct GatewayContext: RequestContext {
  var coreContext: CoreRequestContextStorage
  /// The API key it came with; nil where none is asked for.
  var key: GatewayKey?
  /// Told how a stream ended that began well.
  fileprivate(set) var ending: RequestEnding?
  private let channel: any Channel

  init(source: ApplicationRequestContextSource) {
    coreContext = CoreRequestContextStorage(source: source)
    channel = source.channel
  }

  /// Of its connection.
  var loop: any EventLoop { channel.eventLoop }

  /// Lets a client send the body that it holds back until it is asked for.
  func askForBody() async throws { try await channel.triggerUserOutboundEvent(PersistenceHandler.BodyIsWanted()).get() }

  /// Whether whoever asked is still there.
  ///
  /// - Throws: when the connection is closed already.
  func client() async throws -> ClientPresence { try await channel.pipeline.handler(type: ClientPresence.self).get() }

  /// A part of the path as it was meant: addresses write some characters of names with percent signs.
  func decodedParameter(_ name: String) throws -> String {
    let text = try parameters.require(name)
    return text.removingPercentEncoding ?? text
  }
}

/// Stands before all routes: who may ask, how often, how many at once; and every error in OpenAI's shape, counted.
struct Gatekeeper: RouterMiddleware {
  let configuration: GatewayConfiguration
  let metrics: GatewayMetrics
  /// What is known of the key that a client gives; nil for one that is not. Nil when no keys are asked for.
  let apiKey: (@Sendable (String) -> GatewayKey?)?
  let limits: Limits
  /// What is told of a request that comes to none.
  let routes: RouteTable

  final class Limits: Sendable {
    let keys: Mutex<KeyLimits>
    init(_ keys: KeyLimits) { self.keys = Mutex(keys) }
  }

  func handle(
    _ request: Request, context: GatewayContext, next: @concurrent (Request, GatewayContext) async throws -> Response
  ) async throws -> Response {
    var context = context
    let ending = RequestEnding(route: context.endpointPath ?? "other", metrics)
    context.ending = ending
    do {
      let response = try await answer(request, context, next)
      // How a stream ends is known at its end.
      if response.body.contentLength != nil { ending.count(response.status.code) }
      return response
    } catch {
      let told = (error as? HTTPError)?.status == .notFound ? routes.refusal(request) : OpenAIError(error)
      ending.count(told.status.code)
      return told.response(from: request, context: context)
    }
  }

  private func answer(
    _ request: Request, _ context: GatewayContext,
    _ next: @concurrent (Request, GatewayContext) async throws -> Response
  ) async throws -> Response {
    if ServiceRoutes.paths.contains(request.uri.path) { return try await next(request, context) }
    var context = context
    if let apiKey {
      guard let key = Self.bearer(request).flatMap(apiKey) else {
        throw OpenAIError(
          .unauthorized, "the API key is missing or not known; make one with `apus gateway keys add NAME`",
          code: "invalid_api_key", headers: [.wwwAuthenticate: "Bearer"])
      }
      context.key = key
    }
    let key = context.key?.name
    try limits.keys.withLock { limits throws(OpenAIError) in try limits.begin(key, at: MonotonicTime.now()) }
    let pass = Pass(metrics: metrics, limits: limits, key: key)
    var response = try await next(request, context)
    // A stream is being answered until its last byte.
    response.body = Self.holding(pass, context.ending, response)
    return response
  }

  private static func bearer(_ request: Request) -> String? {
    guard let header = request.headers[.authorization], header.lowercased().hasPrefix("bearer ") else { return nil }
    return String(header.dropFirst("bearer ".count))
  }

  /// A request's place among those that are answered, given back when nothing holds it any more: a response whose client
  /// is gone before the first byte is dropped without being written.
  private final class Pass: Sendable {
    private let metrics: GatewayMetrics
    private let limits: Limits
    private let key: String?

    init(metrics: GatewayMetrics, limits: Limits, key: String?) {
      metrics.begin()
      self.metrics = metrics
      self.limits = limits
      self.key = key
    }

    deinit {
      metrics.end()
      limits.keys.withLock { $0.end(key) }
    }
  }

  private static func holding(_ pass: Pass, _ ending: RequestEnding?, _ response: Response) -> ResponseBody {
    let (body, status) = (response.body, response.status.code)
    return ResponseBody(contentLength: body.contentLength) { writer in
      defer { withExtendedLifetime(pass) {} }
      // `write` takes the writer over.
      try await body.write(writer)
      ending?.count(status)
    }
  }
}

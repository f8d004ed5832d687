import Hummingbird
import HummingbirdCore
import HummingbirdTLS
public import Logging
public import Messaging
import NIOCore
import NIOPosix
import NIOSSL
import ServiceLifecycle
import Serving

/// The HTTP service: OpenAI's routes and Apus's own, answered by a coordinator over one connection.
public struct Gateway: Sendable {
  private let configuration: GatewayConfiguration
  private let link: CoordinatorLink
  private let forms: APIForms
  private let apiKey: (@Sendable (String) -> GatewayKey?)?
  private let logger: Logger
  private let metrics = GatewayMetrics()
  /// Ends when the gateway is to stop.
  private let running: AsyncStream<Void>
  private let stopping: AsyncStream<Void>.Continuation

  /// - Parameters:
  ///   - endpoint: connects by itself, with a client's key.
  ///   - address: of the coordinator, for errors.
  ///   - apiKey: what is known of the key that a client gives, nil for one that is not; nil when none is asked for.
  public init(
    _ configuration: GatewayConfiguration, endpoint: any ClientEndpoint, address: String, forms: APIForms,
    apiKey: (@Sendable (String) -> GatewayKey?)?, logger: Logger
  ) {
    self.configuration = configuration
    self.forms = forms
    self.apiKey = apiKey
    self.logger = logger
    (running, stopping) = AsyncStream.makeStream()
    link = CoordinatorLink(endpoint, address: address, logger: logger)
  }

  /// Methods and paths of all routes, such as `GET /v1/models`, parameters in braces; sorted.
  public var routes: [String] { router.routes.map { "\($0.method.rawValue) \($0.path)" }.sorted() }

  /// Serves until it is stopped or the task is cancelled, which cuts what is being answered.
  ///
  /// - Parameter isListening: told the port once it listens.
  /// - Throws: `unavailable` when the address cannot be bound, and what the coordinator refuses the connection with.
  public func run(isListening: @escaping @Sendable (Int) async -> Void) async throws {
    let server = ServiceGroup(services: [try application(isListening)], logger: logger)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await link.run() }
      group.addTask { try await serve(server) }
      group.addTask { await drain(server) }
      defer {
        link.close()
        group.cancelAll()
      }
      try await group.next()
      await link.stop(within: Self.lastWords)
    }
  }

  /// Takes no more connections; `run` returns when what is being answered has its end, or the time for that is over.
  public func stop() { stopping.finish() }

  private func drain(_ server: ServiceGroup) async {
    for await _ in running {}
    guard !Task.isCancelled else { return }
    await server.triggerGracefulShutdown()
    guard (try? await Task.sleep(for: .seconds(configuration.drainSeconds))) != nil else { return }
    logger.warning("what is still answered after \(configuration.drainSeconds) s ends now")
    await link.stop(within: Self.lastWords)
    // Whoever reads slowly does not hold it up.
    try? await Task.sleep(for: Self.lastWords)
  }

  /// Longest that clients may take to read that their answers end because the gateway does, and the coordinator to cancel
  /// their jobs.
  private static let lastWords = Duration.seconds(2)

  private func application(
    _ isListening: @escaping @Sendable (Int) async -> Void
  ) throws(ApusError) -> Application<RouterResponder<GatewayContext>> {
    let (metrics, limit) = (metrics, TimeAmount.seconds(Int64(configuration.stallSeconds)))
    let http = HTTP1Channel.Configuration(
      additionalChannelHandlers: [
        ClientPresence(), StalledClientHandler(limit: limit) { metrics.stalled() }, TurnEndFlush(),
      ],
      idleTimeout: .seconds(Int64(configuration.idleSeconds)),
      httpDecoderConfiguration: HTTP1Channel.Configuration.DecoderConfiguration(
        maxHeaderFieldSize: GatewayConfiguration.headerLimitBytes,
        maxHeaderListSize: GatewayConfiguration.headerLimitBytes,
        maxHeaderFieldCount: GatewayConfiguration.headerLimitCount))
    return Application(
      router: router, server: try server(http),
      configuration: ApplicationConfiguration(
        address: .hostname(configuration.host, port: configuration.port), serverName: "apus",
        availableConnectionsDelegate: .maximum(configuration.connectionLimit, logger: logger)),
      onServerRunning: { channel in await isListening(channel.localAddress?.port ?? configuration.port) },
      logger: logger)
  }

  private func serve(_ server: ServiceGroup) async throws {
    do {
      // To hand a connection on by threads that are there for long work costs more than to take it.
      try await withTaskExecutorPreference(LoopExecutor(loop: MultiThreadedEventLoopGroup.singleton.any())) {
        try await server.run()
      }
    } catch let error as IOError {
      throw ApusError(
        .unavailable, "cannot listen on \(configuration.host):\(configuration.port): \(error)",
        advice: "another program may use the port: give one with --port")
    } catch let error as SocketAddressError {
      throw ApusError(
        .unavailable, "cannot listen on \(configuration.host):\(configuration.port): \(error)",
        advice: "give an address of this machine with --host")
    }
  }

  private func server(_ http: HTTP1Channel.Configuration) throws(ApusError) -> HTTPServerBuilder {
    let plain = HTTPServerBuilder { LoopBoundChannel(http: HTTP1Channel(responder: $0, configuration: http)) }
    guard let files = configuration.tls else { return plain }
    do {
      let chain = try NIOSSLCertificate.fromPEMFile(files.certificate)
      return try .tls(
        plain,
        tlsConfiguration: .makeServerConfiguration(
          certificateChain: chain.map { .certificate($0) },
          privateKey: .privateKey(try NIOSSLPrivateKey(file: files.key, format: .pem))))
    } catch {
      throw ApusError(
        .badInput, "\(files.certificate) and \(files.key) are no certificate and key: \(error)",
        advice: "give a certificate chain and its private key in PEM")
    }
  }

  private var router: Router<GatewayContext> {
    let router = Router(context: GatewayContext.self, options: .autoGenerateHeadEndpoints)
    if !configuration.crossOrigins.isEmpty { router.add(middleware: CrossOrigin(origins: configuration.crossOrigins)) }
    let bare = Router(context: GatewayContext.self)
    addRoutes(to: bare)
    router.add(
      middleware: Gatekeeper(
        configuration: configuration, metrics: metrics, apiKey: apiKey,
        limits: Gatekeeper.Limits(
          KeyLimits(
            inAll: configuration.requestLimit, perMinute: configuration.requestsPerMinute,
            atOnce: configuration.requestsAtOnce)),
        routes: RouteTable(bare.routes)))
    addRoutes(to: router)
    return router
  }

  private func addRoutes(to router: Router<GatewayContext>) {
    let models = ModelDirectory(link)
    ServiceRoutes(link: link, metrics: metrics).add(to: router)
    ModelRoutes(models: models).add(to: router)
    CompletionRoutes(link: link, models: models, metrics: metrics, configuration: configuration).add(to: router)
    ApusRoutes(link: link, models: models, forms: forms).add(to: router)
  }
}

import ArgumentParser
import Benchmarking
import Engines
import Foundation
import Gateway
import Logging
import Messaging
import Serving
import TestKit

/// What the gateway, the coordinator and the worker cost a request of an OpenAI client.
struct GatewayFigure: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gateway", abstract: "TTFT and CPU that the way through the gateway adds, on a scripted engine.")

  @Option(help: "Measured requests each way.") var requests = 200
  @Option(help: "Streams open at once.") var streams = 256
  @Option(help: "The engine's own time to the first token, in milliseconds.") var engineTtftMs = 20.0
  @Flag(help: "Print one JSON object.") var json = false

  private static let prompt = String(repeating: "Say in one sentence what a gateway does. ", count: 8)
  private static let shortTokens = 1
  private static let longTokens = 201
  private static let warmUp = 20

  func validate() throws {
    guard requests > 0, streams > 0, engineTtftMs >= 0, engineTtftMs <= 10_000 else {
      throw ValidationError("give at least 1 request and stream, and 0 to 10000 ms")
    }
  }

  func run() async throws {
    var report = FigureReport(figure: "gateway", method: method)
    let guardPath = try EngineInstallation.standard(stateDirectory: ".").guardPath
    let engine = ScriptedEngine(
      script: ScriptedEngine.Script { script in
        script.ttftMS = engineTtftMs
        script.itlMS = 1
      })
    let process = try await EngineProcess.start(engine.plan(), guardPath: guardPath, memoryLimitBytes: nil)
    let cluster = try await ScriptedCluster.start(engine, guardPath: guardPath)
    let direct = EngineEndpoint(baseURL: process.baseURL, dialect: engine.dialect)
    try await withGateway(cluster) { through in
      var seen = (direct: [Double](), through: [Double]())
      for _ in 0..<Self.warmUp + requests {
        seen.direct.append(try await Self.stream(Self.shortTokens, to: direct).firstSeconds)
        seen.through.append(try await Self.stream(Self.shortTokens, to: through).firstSeconds)
      }
      let without = Percentiles(seen.direct.dropFirst(Self.warmUp))
      let with = Percentiles(seen.through.dropFirst(Self.warmUp))
      report.add("added_p50_ms", "TTFT added at p50", (with.p50 - without.p50) * 1e3, "ms", target: 5)
      report.add("added_p90_ms", "TTFT added at p90", (with.at(0.9) - without.at(0.9)) * 1e3, "ms")
      let start = try Self.ownCPUSeconds()
      try await repeatedly(Self.shortTokens, to: through)
      let middle = try Self.ownCPUSeconds()
      try await repeatedly(Self.longTokens, to: through)
      let short = (middle - start) / Double(requests)
      let long = (try Self.ownCPUSeconds() - middle) / Double(requests)
      report.add("request_cpu_us", "CPU of a small request", short * 1e6, "us", target: 250)
      let token = (long - short) / Double(Self.longTokens - Self.shortTokens)
      report.add("token_cpu_us", "CPU of a token more", token * 1e6, "us", target: 15)
      report.add(
        "broken_streams", "streams of \(streams) at once with a token lost, doubled or out of order",
        Double(try await brokenStreams(to: through)), "", target: 0)
    }
    try await cluster.stop()
    await process.stop()
    report.print(asJSON: json)
  }

  private var method: [String] {
    [
      "through: an HTTP client asks the gateway, which asks the coordinator over TCP with CURVE, as does the worker; all but the "
        + "engine are the real ones, in this process; the job is durable before it is dispatched",
      "directly: the same client asks a second process of the same engine, which is left alone meanwhile; one request at a time, "
        + "in turns, \(requests) each way after \(Self.warmUp) to warm up",
      "CPU: of this whole process, the measuring client included, over \(requests) requests of \(Self.shortTokens) and of "
        + "\(Self.longTokens) tokens, one at a time; the engine is another process and not in it",
      "the engine is scripted (Deploy/engines/scripted): it waits \(engineTtftMs) ms, then streams a token each millisecond, one "
        + "request after another: streams at once are open together and take turns",
    ]
  }

  private func withGateway(
    _ cluster: ScriptedCluster, _ body: (EngineEndpoint) async throws -> Void
  ) async throws {
    let (ports, port) = AsyncStream.makeStream(of: Int.self)
    let gateway = Gateway(
      GatewayConfiguration(port: 0), endpoint: try cluster.clientEndpoint(), address: "the one under test",
      forms: .none, keyName: nil, logger: Logger(label: "gateway") { _ in SwiftLogNoOpLogHandler() })
    let running = Task { try await gateway.run { port.yield($0) } }
    defer { running.cancel() }
    for await port in ports {
      let endpoint = EngineEndpoint(baseURL: "http://127.0.0.1:\(port)", dialect: .openAI, servedModel: "tiny")
      return try await body(endpoint)
    }
  }

  private static func stream(
    _ tokens: Int, to endpoint: EngineEndpoint
  ) async throws -> (firstSeconds: Double, text: String) {
    let seen = Seen()
    let start = ContinuousClock.now
    _ = try await StreamingClient(limits: RequestLimits(stallSeconds: 300)).stream(
      GenerationRequest(prompt: .text(prompt), maxTokens: tokens), to: endpoint
    ) { await seen.take($0.text) }
    guard let first = await seen.firstAt else { throw ApusError(.unavailable, "no token came") }
    return ((first - start) / .seconds(1), await seen.text)
  }

  private actor Seen {
    private(set) var firstAt: ContinuousClock.Instant?
    private(set) var text = ""

    func take(_ piece: String) {
      if firstAt == nil { firstAt = .now }
      text += piece
    }
  }

  private static func ownCPUSeconds() throws -> Double { try ProcessFigures.cpuSeconds(of: getpid()) }

  private func repeatedly(_ tokens: Int, to endpoint: EngineEndpoint) async throws {
    for _ in 0..<requests { _ = try await Self.stream(tokens, to: endpoint) }
  }

  /// The engine's model counts, so an answer that is whole and in order is equal to one that came alone.
  private func brokenStreams(to endpoint: EngineEndpoint) async throws -> Int {
    let tokens = 32
    let alone = try await Self.stream(tokens, to: endpoint).text
    return try await withThrowingTaskGroup(of: Bool.self) { group in
      for _ in 0..<streams { group.addTask { try await Self.stream(tokens, to: endpoint).text != alone } }
      return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
  }
}

extension APIForms {
  /// Routes that are not measured.
  fileprivate static let none = APIForms(
    job: { _, _ in "{}" }, jobs: { _ in "{}" }, workers: { _ in "{}" }, models: { _ in "{}" },
    stats: { _ in "{}" },
    recommendation: { _ in "{}" },
    query: { (model, _) throws(ApusError) in RecommendQuery(model: model.id, workload: .chat, objective: .e2e) })
}

import ArgumentParser
import Benchmarking
import Engines
import Foundation
import Serving
import TestKit

/// What the gateway, the coordinator and the worker cost a request of an OpenAI client.
struct GatewayFigure: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gateway", abstract: "TTFT and CPU that the way through the gateway adds, on a scripted engine.")

  @Option(help: "Measured requests each way.") var requests = 200
  @Option(help: "Streams open at once.") var streams = 256
  @Option(help: "The engine's own time to the first token, in milliseconds.") var engineTtftMs = 20.0
  @Option(help: "The engine's own time between tokens, in milliseconds.") var engineItlMs = 1.0
  @Option(help: "Requests at once where costs under load are measured.") var atOnce = 64
  @Option(help: "Small requests under load for each of these; a twentieth as many are long.") var rounds = 100
  @Option(help: "The engine's time between tokens under load, in milliseconds.") var stepMs = 10.0
  @Flag(help: "Print one JSON object.") var json = false

  private static let prompt = String(repeating: "Say in one sentence what a gateway does. ", count: 8)
  private static let shortTokens = 1
  private static let longTokens = 201
  private static let warmUp = 20
  private static let idleSeconds = 5

  func validate() throws {
    guard requests > 0, streams > 0, rounds > 0, (1...512).contains(atOnce), (0...10_000).contains(engineTtftMs),
      (0...1000).contains(engineItlMs), (0...1000).contains(stepMs)
    else {
      throw ValidationError(
        "give at least 1 request, stream and round, 1 to 512 at once, 0 to 10000 ms to the first token and 0 to 1000 "
          + "after it")
    }
  }

  func run() async throws {
    var report = FigureReport(figure: "gateway", method: method)
    let engine = ScriptedEngine(
      script: ScriptedEngine.Script { script in
        script.ttftMS = engineTtftMs
        script.itlMS = engineItlMs
      })
    let process = try await EngineProcess.start(
      engine.plan(), guardPath: try EngineInstallation.standard(stateDirectory: ".").guardPath, memoryLimitBytes: nil)
    let direct = EngineEndpoint(baseURL: process.baseURL, dialect: engine.dialect)
    let cluster = try await ScriptedCluster.start(ttftMS: engineTtftMs, itlMS: engineItlMs)
    let through = EngineEndpoint(
      baseURL: "http://127.0.0.1:\(cluster.gatewayPort)", dialect: .openAI, servedModel: "tiny")
    try await cluster.untilGatewayAnswers(through)
    try await measureFirstToken(direct, through, &report)
    try await measureCPU(of: cluster, through, &report)
    report.add(
      "broken_streams", "streams of \(streams) at once with a token lost, doubled or out of order",
      Double(try await brokenStreams(to: through)), "", target: 0)
    await cluster.stop()
    await process.stop()
    try await measureLoad(&report)
    report.print(asJSON: json)
  }

  private var method: [String] {
    [
      "through: an HTTP client asks the gateway, which asks the coordinator over TCP with CURVE, as does the worker; the job "
        + "ends with its client, so it begins at once and is stored with its end",
      "directly: the same client asks a second process of the same engine, which is left alone meanwhile; one request at a time, "
        + "in turns, \(requests) each way after \(Self.warmUp) to warm up",
      "CPU: user and system time of all threads of gateway, coordinator and worker, which are the real ones, each in a process of "
        + "its own; the client that makes the load and the engine are other processes and not in it; streamed requests of "
        + "\(Self.shortTokens) and of \(Self.longTokens) tokens; what passes with the time, such as heartbeats, is in it, and what "
        + "that is without any request stands beside",
      "under load: \(atOnce) connections that are kept alive, each of which asks again once it has its answer; an engine with as "
        + "many slots (stepping.py), all of whose answers go on by a token at once, every \(stepMs) ms; \(rounds) small requests "
        + "for each connection, a twentieth of it long ones",
      "plain C relays: the same load and engine, three relays in a row that pass bytes on and never look at them, each with a "
        + "thread and connections that stay: what the system alone takes for so many steps",
      "one at a time: \(requests) requests, a new connection for each; between two bytes all threads sleep, and what is counted is "
        + "mostly what the machine takes to wake them",
      "for all but the load the engine is Deploy/engines/scripted/server.py: it waits \(engineTtftMs) ms, then streams a token "
        + "each \(engineItlMs) ms, one request after another: streams at once are open together and take turns",
      "the worker sends the first token at once and gathers later ones for at most 20 ms or 64 tokens",
    ]
  }

  private func measureFirstToken(
    _ direct: EngineEndpoint, _ through: EngineEndpoint, _ report: inout FigureReport
  ) async throws {
    var seen = (direct: [Double](), through: [Double]())
    for _ in 0..<Self.warmUp + requests {
      seen.direct.append(try await Self.stream(Self.shortTokens, to: direct).firstSeconds)
      seen.through.append(try await Self.stream(Self.shortTokens, to: through).firstSeconds)
    }
    let without = Percentiles(seen.direct.dropFirst(Self.warmUp))
    let with = Percentiles(seen.through.dropFirst(Self.warmUp))
    report.add("added_p50_ms", "TTFT added at p50", (with.p50 - without.p50) * 1e3, "ms", target: 5)
    report.add("added_p90_ms", "TTFT added at p90", (with.at(0.9) - without.at(0.9)) * 1e3, "ms")
  }

  private func measureCPU(
    of cluster: ScriptedCluster, _ through: EngineEndpoint, _ report: inout FigureReport
  ) async throws {
    let start = try cluster.cpuSeconds()
    try await repeatedly(Self.shortTokens, to: through)
    let middle = try cluster.cpuSeconds()
    try await repeatedly(Self.longTokens, to: through)
    let end = try cluster.cpuSeconds()
    try await Task.sleep(for: .seconds(Self.idleSeconds))
    let afterIdling = try cluster.cpuSeconds()

    let request = middle.subtracting(start).mapValues { $0 / Double(requests) }
    let long = end.subtracting(middle).mapValues { $0 / Double(requests) }
    let token = long.subtracting(request).mapValues { $0 / Double(Self.longTokens - Self.shortTokens) }
    let idle = afterIdling.subtracting(end).mapValues { $0 / Double(Self.idleSeconds) }
    add("request_alone", "CPU of a small request, one at a time", request, &report)
    add("token_alone", "CPU of a token more, one request at a time", token, &report)
    add("idle_second", "CPU of a second without requests", idle, &report)
  }

  /// What a request and a token cost where many are under way, so that threads that wake have more than one thing to do;
  /// and what the same load costs plain relays.
  private func measureLoad(_ report: inout FigureReport) async throws {
    let cluster = try await ScriptedCluster.start(ttftMS: 0, itlMS: stepMs, slots: atOnce)
    try await cluster.untilGatewayAnswers(
      EngineEndpoint(baseURL: "http://127.0.0.1:\(cluster.gatewayPort)", dialect: .openAI, servedModel: "tiny"))
    let cost = try await loadCost(LoadClient(port: cluster.gatewayPort, atOnce: atOnce)) { try cluster.cpuSeconds() }
    await cluster.stop()
    let relays = try await RelayedEngine.start(hops: ScriptedCluster.Part.allCases.count, itlMS: stepMs, slots: atOnce)
    let least = try await loadCost(LoadClient(port: relays.port, dialect: .llamaCpp, atOnce: atOnce)) {
      [.gateway: try relays.cpuSeconds()]
    }
    await relays.stop()
    report.add("requests_per_s", "small requests a second, \(atOnce) at once", cost.requestRate, "")
    add("request", "CPU of a small request, \(atOnce) at once", cost.request, target: 250, &report)
    add("token", "CPU of a token more, \(atOnce) streams at once", cost.token, target: 15, &report)
    func whole(_ cost: Cost) -> Double { cost.values.reduce(0, +) * 1e6 }
    report.add("relayed_request_cpu_us", "CPU of the same request in three plain C relays", whole(least.request), "us")
    report.add("relayed_token_cpu_us", "CPU of the same token in three plain C relays", whole(least.token), "us")
  }

  private typealias Cost = [ScriptedCluster.Part: Double]

  /// CPU seconds of a request and of a token more, and requests a second.
  private func loadCost(
    _ client: LoadClient, _ cpuSeconds: () throws -> Cost
  ) async throws -> (request: Cost, token: Cost, requestRate: Double) {
    try await client.run(requests: 10 * atOnce, tokens: Self.shortTokens, prompt: Self.prompt)
    let (short, long) = (rounds * atOnce, max(1, rounds / 20) * atOnce)
    let start = try cpuSeconds()
    let began = ContinuousClock.now
    try await client.run(requests: short, tokens: Self.shortTokens, prompt: Self.prompt)
    let rate = Double(short) / ((ContinuousClock.now - began) / .seconds(1))
    let middle = try cpuSeconds()
    try await client.run(requests: long, tokens: Self.longTokens, prompt: Self.prompt)
    let end = try cpuSeconds()
    let request = middle.subtracting(start).mapValues { $0 / Double(short) }
    let token = end.subtracting(middle).mapValues { $0 / Double(long) }.subtracting(request)
      .mapValues { $0 / Double(Self.longTokens - Self.shortTokens) }
    return (request, token, rate)
  }

  private func add(
    _ key: String, _ label: String, _ seconds: [ScriptedCluster.Part: Double], target: Double? = nil,
    _ report: inout FigureReport
  ) {
    report.add("\(key)_cpu_us", label, seconds.values.reduce(0, +) * 1e6, "us", target: target)
    for part in ScriptedCluster.Part.allCases {
      report.add("\(part.rawValue)_\(key)_cpu_us", "  \(part.rawValue)", (seconds[part] ?? 0) * 1e6, "us")
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

extension [ScriptedCluster.Part: Double] {
  fileprivate func subtracting(_ earlier: Self) -> Self { merging(earlier) { $0 - $1 } }
}

import ArgumentParser
import Benchmarking
import Engines
import Foundation
import Serving
import TestKit

/// What coordinator and worker add to the time to the first token.
struct TTFTFigure: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ttft", abstract: "TTFT added by coordinator and worker, on a scripted engine.")

  @Option(help: "Measured requests each way.") var requests = 200
  @Option(help: "The engine's own time to the first token, in milliseconds.") var engineTtftMs = 20.0
  @Flag(help: "Print one JSON object.") var json = false

  private static let prompt = String(repeating: "Say in one sentence what a coordinator does. ", count: 8)
  private static let tokens = 8
  private static let engineItlMS = 2.0
  private static let warmUp = 20

  func validate() throws {
    guard requests > 0, engineTtftMs >= 0, engineTtftMs <= 10_000 else {
      throw ValidationError("give at least 1 request and 0 to 10000 ms")
    }
  }

  func run() async throws {
    var report = FigureReport(figure: "ttft", method: [])
    let engine = ScriptedEngine(
      script: ScriptedEngine.Script { script in
        script.ttftMS = engineTtftMs
        script.itlMS = Self.engineItlMS
      })
    // Of the same script: what the coordinator's worker has started is its own.
    let process = try await EngineProcess.start(
      engine.plan(), guardPath: try EngineInstallation.standard(stateDirectory: ".").guardPath, memoryLimitBytes: nil)
    let cluster = try await ScriptedCluster.start(ttftMS: engineTtftMs, itlMS: Self.engineItlMS)
    var client = try await cluster.client()
    let endpoint = EngineEndpoint(baseURL: process.baseURL, dialect: engine.dialect)

    var seen = Seen()
    for _ in 0..<Self.warmUp + requests {
      seen.direct.append(try await Self.direct(endpoint))
      let through = try await Self.through(&client, cluster.model)
      seen.accepted.append(through.accepted)
      seen.through.append(through.firstToken)
    }
    client.close()
    await cluster.stop()
    await process.stop()
    fill(&report, seen)
    report.print(asJSON: json)
  }

  /// Seconds, one for each request, in turns.
  private struct Seen {
    var direct: [Double] = []
    var through: [Double] = []
    /// The part of `through` until the client hears that the job is durable.
    var accepted: [Double] = []
  }

  private func fill(_ report: inout FigureReport, _ seen: Seen) {
    let direct = Percentiles(seen.direct.dropFirst(Self.warmUp))
    let through = Percentiles(seen.through.dropFirst(Self.warmUp))
    report.add("added_p50_ms", "added at p50", (through.p50 - direct.p50) * 1e3, "ms", target: 5)
    report.add("added_p90_ms", "added at p90", (through.at(0.9) - direct.at(0.9)) * 1e3, "ms")
    report.add("direct_p50_ms", "engine asked directly, p50", direct.p50 * 1e3, "ms")
    report.add("direct_p90_ms", "engine asked directly, p90", direct.at(0.9) * 1e3, "ms")
    report.add("through_p50_ms", "through the coordinator, p50", through.p50 * 1e3, "ms")
    report.add("through_p90_ms", "through the coordinator, p90", through.at(0.9) * 1e3, "ms")
    report.add(
      "accepted_p50_ms", "  of that until the job is durable, p50",
      Percentiles(seen.accepted.dropFirst(Self.warmUp)).p50 * 1e3, "ms")
    report.method = [
      "through: from handing over a submit until the client has the first token: client, coordinator, worker, engine and back, "
        + "over TCP on the loopback interface with CURVE; coordinator and worker are the real ones, each in a process of its own",
      "the job is durable before it is dispatched, which is in the figure: SQLite in a temporary directory, one commit with its "
        + "wait for the disk",
      "directly: the worker's own HTTP client asks a second process of the same engine, which is left alone meanwhile",
      "the engine is scripted (Deploy/engines/scripted): it waits \(engineTtftMs) ms, then streams \(Self.tokens) tokens, and "
        + "is warm; \(requests) requests each way, one at a time in turns, after \(Self.warmUp) of each to warm up",
    ]
  }

  private static func direct(_ endpoint: EngineEndpoint) async throws -> Double {
    let first = FirstArrival()
    let start = ContinuousClock.now
    _ = try await StreamingClient().stream(
      GenerationRequest(prompt: .text(prompt), maxTokens: tokens, ignoresEndOfSequence: true), to: endpoint
    ) { _ in await first.note() }
    guard let at = await first.at else { throw ApusError(.unavailable, "the scripted engine sent no token") }
    return (at - start) / .seconds(1)
  }

  private static func through(
    _ client: inout BenchmarkClient, _ model: ModelID
  ) async throws -> (accepted: Double, firstToken: Double) {
    let start = ContinuousClock.now
    let request = try await client.send(
      .submit(JobSpec(model: model, prompt: .text(prompt), maxTokens: tokens, ignoresEndOfSequence: true)))
    var accepted = 0.0
    var first: Double?
    while true {
      switch try await client.next(of: request) {
      case .accepted: accepted = (.now - start) / .seconds(1)
      case .tokens:
        if first == nil { first = (.now - start) / .seconds(1) }
      case .jobEnded(let end):
        guard let first, end.standing.state == .completed else {
          let reason = end.standing.failure ?? end.standing.state.rawValue
          throw ApusError(.unavailable, "a job ended without tokens: \(reason)")
        }
        return (accepted, first)
      default: break
      }
    }
  }

  private actor FirstArrival {
    private(set) var at: ContinuousClock.Instant?
    func note() { if at == nil { at = .now } }
  }
}

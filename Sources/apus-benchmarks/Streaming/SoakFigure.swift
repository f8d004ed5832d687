import ArgumentParser
import Benchmarking
import Foundation
import Serving

/// Whether memory stays flat while requests come and go.
struct SoakFigure: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "soak", abstract: "Memory of gateway, coordinator and worker over many requests.")

  @Option(help: "Requests in all.") var requests = 100_000
  @Option(help: "Requests at once.") var concurrency = 16
  @Flag(help: "Print one JSON object.") var json = false

  private static let parts = 10
  /// Of the requests, before the memory that growth is counted from.
  private static let settled = 2

  func validate() throws {
    guard requests >= Self.parts * concurrency, concurrency > 0 else {
      throw ValidationError("give at least \(Self.parts) requests for each that runs at once")
    }
  }

  func run() async throws {
    var report = FigureReport(
      figure: "soak",
      method: [
        "\(requests) streamed requests of one token, \(concurrency) at once, from an HTTP client through the real gateway, "
          + "coordinator (SQLite history, CURVE) and worker, each in a process of its own, to a scripted engine; every prompt "
          + "differs, and lengths are of 1 to 200 words",
        "resident set without files' pages (RssAnon of /proc/PID/status, 1 MB = 1,000,000 bytes) after each tenth; growth is "
          + "of the last over that after two tenths",
      ])
    let cluster = try await ScriptedCluster.start(ttftMS: 0, itlMS: 0)
    let through = EngineEndpoint(
      baseURL: "http://127.0.0.1:\(cluster.gatewayPort)", dialect: .openAI, servedModel: "tiny")
    try await cluster.untilGatewayAnswers(through)
    var memory: [[ScriptedCluster.Part: Double]] = []
    let start = ContinuousClock.now
    for part in 0..<Self.parts {
      let share = requests * part / Self.parts..<requests * (part + 1) / Self.parts
      try await run(share, to: through)
      memory.append(try cluster.memoryBytes().mapValues { Double($0) / 1e6 })
    }
    report.add(
      "requests_per_s", "requests a second", Double(requests) / ((ContinuousClock.now - start) / .seconds(1)), "")
    for part in ScriptedCluster.Part.allCases {
      let sizes = memory.compactMap { $0[part] }
      let (before, after) = (sizes[Self.settled - 1], sizes[Self.parts - 1])
      report.add("\(part.rawValue)_settled_mb", "\(part.rawValue), after two tenths", before, "MB")
      report.add("\(part.rawValue)_growth_mb", "  growth since", after - before, "MB", target: max(5, before / 10))
    }
    await cluster.stop()
    report.print(asJSON: json)
  }

  private func run(_ share: Range<Int>, to endpoint: EngineEndpoint) async throws {
    let step = concurrency
    try await withThrowingTaskGroup { group in
      for first in share.prefix(step) {
        group.addTask {
          let client = StreamingClient(limits: RequestLimits(stallSeconds: 300))
          for number in stride(from: first, to: share.upperBound, by: step) {
            let prompt = "\(number)" + String(repeating: " word", count: 1 + number % 200)
            _ = try await client.stream(GenerationRequest(prompt: .text(prompt), maxTokens: 1), to: endpoint) { _ in }
          }
        }
      }
      try await group.waitForAll()
    }
  }
}

import Benchmarking
import Engines
import FoundationEssentials
import Serving
import TestKit
import Testing

/// Servers that somebody else started and that misbehave: each way is a recorded outcome within its deadline, and a sane
/// server is measured right after it by the same host.
@Suite("Hostile servers", .serialized, .timeLimit(.minutes(10))) struct HostileServerTests {
  static let models = Canned.json("200 OK", #"{"data":[{"id":"m","owned_by":"test"}]}"#)
  static let token = Canned.event(#"{"choices":[{"text":" a","finish_reason":null}]}"#)
  static let good = [
    Canned.streamHead, token, token, token, Canned.event(#"{"choices":[{"text":" a","finish_reason":"length"}]}"#),
    Canned.event(#"{"choices":[],"usage":{"completion_tokens":4,"prompt_tokens":3}}"#), Canned.event("[DONE]"),
  ]

  struct Case: CustomStringConvertible, Sendable {
    var description: String
    var pieces: [String]
    var end = CannedServer.End.close
    var kind = "engine_failed"
    /// In the outcome's words.
    var says: String
  }

  static let cases: [Case] = [
    Case(description: "stalls in the middle", pieces: Array(good.prefix(3)), end: .hold, kind: "timed_out", says: ""),
    Case(
      description: "sends comments for ever", pieces: [Canned.streamHead, token, ": wait\n\n"], end: .repeatLast,
      kind: "timed_out", says: ""),
    Case(
      description: "says nothing at all", pieces: [], end: .hold, kind: "timed_out", says: ""),
    Case(
      description: "invalid JSON", pieces: [Canned.streamHead, token, Canned.event("{nonsense")], says: "{nonsense"),
    Case(
      description: "a web page",
      pieces: ["HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>"],
      says: "text/html"),
    Case(
      description: "one object in place of a stream", pieces: [Canned.json("200 OK", #"{"choices":[{"text":" a"}]}"#)],
      says: "application/json"),
    Case(description: "reset", pieces: Array(good.prefix(3)), end: .reset, says: "connection"),
    Case(description: "ends without an end", pieces: Array(good.prefix(3)), says: "before its last event"),
    Case(
      description: "generates without end", pieces: [Canned.streamHead, token], end: .repeatLast,
      says: "it goes on after"),
    Case(
      description: "events without tokens", pieces: [Canned.streamHead, Canned.event(#"{"choices":[]}"#)],
      end: .repeatLast, says: "events came for"),
    Case(
      description: "a huge event", pieces: [Canned.streamHead, "data: ", String(repeating: "x", count: 1 << 20)],
      end: .repeatLast, says: "a line of more than"),
    Case(
      description: "429", pieces: [Canned.json("429 Too Many Requests", #"{"error":{"message":"slow down"}}"#)],
      says: "429: slow down"),
    Case(description: "503", pieces: [Canned.json("503 Service Unavailable", "busy")], says: "503"),
    Case(description: "no HTTP", pieces: ["SSH-2.0-OpenSSH_9\r\n"], says: "not understood"),
  ]

  private static func server(_ misbehaviour: Case?) -> CannedServer {
    CannedServer { request in
      if request.hasPrefix("GET /v1/models ") { return ([models], .close) }
      return misbehaviour.map { ($0.pieces, $0.end) } ?? (good, .close)
    }
  }

  private static let model = ModelProfile.unknown(ModelID(String(repeating: "e", count: 64)), name: "m@hostile")

  private func host(_ server: CannedServer) throws -> EngineHost {
    let engine = AttachedEngine(
      name: EngineName("hostile@here:1"), version: "attached test",
      models: [Self.model.id: ServedModel(baseURL: server.baseURL, name: "m")])
    var host = try scriptedHost(ScriptedEngine())
    host.engines = [engine]
    host.profile = { $0 == Self.model.id ? Self.model : nil }
    host.engineVersions = [engine.name: "attached test"]
    return host
  }

  /// For those that must be cut off; the others end by themselves, however slow the machine is.
  private static let impatient = TrialTiming(blockSeconds: 3, stallSeconds: 1, slowestPrefillRate: 1000)
  private static let patient = TrialTiming(blockSeconds: 600, stallSeconds: 300, slowestPrefillRate: 1000)

  private func trial(_ host: EngineHost, _ timing: TrialTiming = patient) async -> [Measurement] {
    let workload = Workload(name: "w", promptTokens: 3...3, outputTokens: 4...4, concurrency: 1, requestCount: 1)
    let candidate = Candidate(configuration: EngineConfiguration(engine: host.engines[0].name), fidelity: .exact)
    let spec = TrialSpec(
      id: TrialID("t"), benchmark: BenchmarkID("b"), purpose: .screening, model: Self.model.id, candidates: [candidate],
      workloads: [workload], rounds: 1, seed: 1, timeLimitSeconds: 900)
    let reports = Reports()
    await TrialRunner(host: host, timing: timing).run(spec) { await reports.add($0, $1) }
    #expect(await reports.endsOnce)
    return await reports.measurements
  }

  @Test(arguments: cases) func trialIsARecordedOutcome(misbehaviour: Case) async throws {
    let hostile = Self.server(misbehaviour)
    defer { withExtendedLifetime(hostile) {} }
    let timing = misbehaviour.kind == "timed_out" ? Self.impatient : Self.patient
    let measurements = await trial(try host(hostile), timing)
    #expect(measurements.count == 1)
    let outcome = try #require(measurements.first).outcome
    #expect(
      outcome.kind == misbehaviour.kind && (misbehaviour.says.isEmpty || "\(outcome)".contains(misbehaviour.says)),
      "\(outcome)")

    let sane = Self.server(nil)
    defer { withExtendedLifetime(sane) {} }
    let after = await trial(try host(sane))
    let metrics = try #require(after.first?.outcome.metrics, "\(after)")
    #expect(metrics.outputTokenCount == 4 && metrics.promptTokenCount == 3)
    #expect(metrics.cpuSeconds == nil && metrics.peakMemoryBytes == nil, "unknown is not zero")
  }

  /// The same for a user's job: the tokens that came are kept, and no more than a few beyond what was asked for.
  @Test func endlessJobIsCutOff() async throws {
    let hostile = Self.server(Self.cases.first { $0.description == "generates without end" })
    defer { withExtendedLifetime(hostile) {} }
    let host = try host(hostile)
    let configuration = EngineConfiguration(engine: host.engines[0].name)
    let running = try await host.run(configuration, model: Self.model, contextTokens: nil)
    let job = JobRequest(
      job: JobID("j"), spec: JobSpec(model: Self.model.id, prompt: .text("hi"), maxTokens: 4),
      candidate: Candidate(configuration: configuration, fidelity: .exact))
    let answer = await JobRunner(host: host).run(job, on: running) { _ in }
    #expect(answer.measurement.outcome.kind == "engine_failed", "\(answer.measurement.outcome)")
    #expect(answer.output.hasPrefix(" a a a a") && answer.output.utf8.count < 2 * 64)
  }

  /// A server that is not there, or has another model now, is a failure to start with its address.
  @Test func attachingFailsInWords() async throws {
    let gone = CannedServer("")
    let other = CannedServer(Canned.json("200 OK", #"{"data":[{"id":"other"}]}"#))
    defer { withExtendedLifetime((gone, other)) {} }
    for (server, says) in [(other, "it serves other, not m"), (gone, gone.baseURL)] {
      let measurements = await trial(try host(server))
      #expect("\(measurements.map(\.outcome))".contains(says), "\(measurements.map(\.outcome))")
      #expect(measurements.first?.outcome.kind == "engine_failed")
    }
  }

  /// The key goes with every request, and is in no outcome.
  @Test func keyIsSent() async throws {
    let server = Self.server(nil)
    let path = FileManager.default.temporaryDirectory.path + "/apus-key-\(UUID().uuidString)"
    try Data("sk-hidden\n".utf8).write(to: URL(fileURLWithPath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    let key = try APIKey(readingFrom: path)
    var host = try host(server)
    host.engines = [
      AttachedEngine(
        name: host.engines[0].name, version: "v",
        models: [Self.model.id: ServedModel(baseURL: server.baseURL, name: "m", apiKey: key)])
    ]
    let measurements = await trial(host)
    #expect(measurements.first?.outcome.kind == "completed")
    #expect(server.received.count >= 2 && server.received.allSatisfy { $0.contains("Authorization: Bearer sk-hidden") })
    #expect(!"\(measurements)".contains("sk-hidden"))
  }
}

import Benchmarking
import Engines
import Messaging
import Serving
import Synchronization
import TestKit
import Testing

@testable import Worker

/// A worker attached to a server that somebody else started.
@Suite("Attached servers", .timeLimit(.minutes(10))) struct AttachedServersTests {
  private let directory: TemporaryFolder

  init() throws { directory = TemporaryFolder() }

  private static let stream = [
    Canned.streamHead, Canned.event(#"{"choices":[{"text":" yes"}]}"#),
    Canned.event(#"{"choices":[{"text":" sir","finish_reason":"length"}]}"#),
    Canned.event(#"{"choices":[],"usage":{"completion_tokens":2,"prompt_tokens":5}}"#), Canned.event("[DONE]"),
  ]

  private static func server(_ served: @escaping @Sendable () -> String) -> CannedServer {
    CannedServer { request in
      if request.hasPrefix("GET /v1/models ") { return ([Canned.json("200 OK", served())], .close) }
      if request.hasPrefix("GET /version ") { return ([Canned.json("200 OK", #"{"version":"9.1"}"#)], .close) }
      return (stream, .close)
    }
  }

  private func executor(_ attach: String) throws -> EngineWorkExecutor {
    let path = directory.path
    let configuration = try WorkerConfiguration { ["state": path, "attach": attach, "name": "w"][$0] }
    return EngineWorkExecutor(
      configuration: configuration, hardware: Fixtures.hardware, engines: [],
      guardPath: try EngineInstallation.standard(stateDirectory: path).guardPath)
  }

  /// It is announced with what it serves, a job runs on it, and it takes no place among the warm engines.
  @Test func isAnEngineWithItsModels() async throws {
    let server = Self.server { #"{"data":[{"id":"org/a","owned_by":"vllm","max_model_len":4096},{"id":"b"}]}"# }
    defer { withExtendedLifetime(server) {} }
    let executor = try executor("big=\(server.baseURL)/v1")
    let description = try await executor.describe()
    let engine = try #require(description.engines.first)
    #expect(description.engines.count == 1 && engine.isAttached && engine.version == "attached vllm 9.1")
    #expect(engine.name.rawValue.hasPrefix("big@w:"))
    #expect(description.models.map(\.name) == ["b@big", "org-a@big"])
    #expect(Set(engine.attachedModels ?? []) == Set(description.models.map(\.id)))
    let model = description.models[1]
    #expect(model.contextLength == 4096 && !model.hasKnownWeights)

    var job = Fixtures.job(model: model, maxTokens: 2)
    job.candidate.configuration = EngineConfiguration(engine: engine.name)
    let shown = Mutex("")
    let result = await executor.runJob(job) { tokens in shown.withLock { $0 += tokens.text } }
    #expect(result.output == " yes sir" && shown.withLock { $0 } == " yes sir")
    let metrics = try #require(result.measurement.outcome.metrics, "\(result.measurement.outcome)")
    #expect(metrics.outputTokenCount == 2 && result.measurement.engineVersion == "attached vllm 9.1")
    #expect(server.received.last?.contains(#""model":"org\/a""#) == true, "\(server.received.last ?? "")")
    // The test's own process listens here, so what it used is known.
    #expect((metrics.peakMemoryBytes ?? 0) > 1 << 20 && metrics.cpuSeconds != nil)
    #expect(await executor.warmConfigurations().isEmpty)
    await executor.stop()
  }

  /// Mapped to a model of the library it is that model; a model that is not there is refused with the name.
  @Test func canServeAModelOfTheLibrary() async throws {
    try TinyModel.write(into: directory.path + "/models")
    let server = Self.server { #"{"data":[{"id":"x"},{"id":"y"}]}"# }
    defer { withExtendedLifetime(server) {} }
    let description = try await executor("a=\(server.baseURL),model=tiny,served=y").describe()
    #expect(description.models.map(\.name) == ["tiny"])
    #expect(description.engines.first?.attachedModels == description.models.map(\.id))
    await #expect {
      _ = try await executor("a=\(server.baseURL),model=huge").describe()
    } throws: { ($0 as? ApusError)?.code == .badInput && ($0 as? ApusError)?.reason.contains("huge") == true }
  }

  /// One that does not answer is left out, and does not keep the worker from being there.
  @Test func absentServersAreLeftOut() async throws {
    let answers = Mutex(#"{"data":[{"id":"x"}]}"#)
    let server = Self.server { answers.withLock { $0 } }
    defer { withExtendedLifetime(server) {} }
    let executor = try executor("a=\(server.baseURL) b=http://127.0.0.1:1")
    #expect(try await executor.describe().engines.map { $0.name.rawValue.prefix(2) } == ["a@"])
    let model = try #require(try await executor.describe().models.first)
    answers.withLock { $0 = "not JSON" }
    #expect(try await executor.describe().engines.isEmpty)
    // A job that is on its way to it all the same is a result.
    let result = await executor.runJob(Fixtures.job(model: model)) { _ in }
    #expect(result.measurement.outcome.kind == "engine_failed")
    await executor.stop()
  }

  @Test func twoServersNeedTwoNames() {
    #expect {
      try WorkerConfiguration { $0 == "attach" ? "a=http://h:1 a=http://h:2" : nil }
    } throws: { ($0 as? ApusError)?.code == .usage && ($0 as? ApusError)?.reason.contains("attached as a") == true }
  }
}

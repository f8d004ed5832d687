import Benchmarking
import Engines
import Serving
import TestKit
import Testing

/// The load generator against the scripted engine, whose times are known.
@Suite("Load generator", .serialized) struct LoadGeneratorTests {
  private func start(_ script: ScriptedEngine.Script) async throws -> EngineProcess {
    try await EngineProcess.start(
      ScriptedEngine(script: script).plan(), guardPath: testGuardPath(), memoryLimitBytes: nil)
  }

  private func load(
    _ script: ScriptedEngine.Script, _ workload: Workload, requests: [GenerationRequest]? = nil
  ) async throws -> LoadResult {
    let engine = try await start(script)
    let client = StreamingClient(limits: RequestLimits(stallSeconds: 300))
    let tokens = TokenSource(leading: [], vocabulary: Array(100..<400))
    let result = await LoadGenerator(client: client, timeLimitSeconds: 300).run(
      requests ?? PromptGenerator(workload: workload, seed: 1).requests(of: tokens), workload: workload, seed: 1,
      at: EngineEndpoint(baseURL: engine.baseURL, dialect: .llamaCpp))
    await engine.stop()
    return result
  }

  private func workload(
    _ count: Int, concurrency: Int = 1, rate: Double? = nil, outputTokens: Int = 5
  ) -> Workload {
    Workload(
      name: "w", promptTokens: 8...8, outputTokens: outputTokens...outputTokens, concurrency: concurrency,
      arrivalRate: rate, requestCount: count)
  }

  /// One stream: every request waits for the one before; counts are the engine's, and times are not shorter than its.
  @Test func sequence() async throws {
    let result = try await load(
      .init {
        $0.ttftMS = 30
        $0.itlMS = 10
        $0.draftAcceptance = 0.5
      }, workload(3))
    #expect(result.failures == [nil, nil, nil] && !result.wasCutShort)
    for sample in result.timelines {
      #expect(sample.promptTokenCount == 8 && sample.cachedTokenCount == 0 && sample.outputTokenCount == 5)
      #expect((sample.ttftSeconds ?? 0) >= 0.03 && (sample.e2eSeconds ?? 0) >= 0.07)
    }
    let sent = result.timelines.map(\.sentAtSeconds)
    #expect(zip(sent, sent.dropFirst()).allSatisfy { $1 - $0 >= 0.07 })
    #expect(result.draftedTokenCount == 300 && result.acceptedTokenCount == 150)
  }

  /// A closed loop keeps exactly `concurrency` requests in flight: an engine that waits for three at once gets them, and
  /// never more are on their way at once although it has slots for more.
  @Test func closedLoopKeepsItsWidth() async throws {
    let result = try await load(
      .init {
        $0.gather = 3
        $0.slots = 8
      }, workload(9, concurrency: 3, outputTokens: 1))
    #expect(result.failures.allSatisfy { $0 == nil })
    let spans = result.timelines.map { ($0.sentAtSeconds, $0.sentAtSeconds + ($0.e2eSeconds ?? 0)) }
    let widths = spans.map { span in spans.count { $0.0 <= span.0 && span.0 < $0.1 } }
    #expect(widths.allSatisfy { $0 <= 3 }, "\(widths)")
  }

  /// More streams than an HTTP pool's usual eight reach the engine at once, or the client's queue would be measured: the
  /// engine answers none before it has all.
  @Test func manyStreamsAreNotQueuedInTheClient() async throws {
    let result = try await load(
      .init {
        $0.gather = 24
        $0.slots = 32
      }, workload(24, concurrency: 24, outputTokens: 1))
    #expect(result.failures.allSatisfy { $0 == nil })
  }

  /// Arrivals of an open loop do not wait for answers: there are none before the last one has come.
  @Test func openLoop() async throws {
    let result = try await load(
      .init {
        $0.gather = 12
        $0.slots = 32
      }, workload(12, rate: 100, outputTokens: 1))
    #expect(result.failures.allSatisfy { $0 == nil })
    let sent = result.timelines.map(\.sentAtSeconds)
    let planned = LoadGenerator.poissonArrivals(count: 12, ratePerSecond: 100, seed: 1)
    #expect(zip(sent, planned).allSatisfy { $0 >= $1 })
  }

  /// Poisson arrivals: the same for the same seed, ascending, of the asked rate on average, with exponential gaps.
  @Test func poissonArrivals() {
    let arrivals = LoadGenerator.poissonArrivals(count: 20_000, ratePerSecond: 4, seed: 9)
    #expect(arrivals == LoadGenerator.poissonArrivals(count: 20_000, ratePerSecond: 4, seed: 9))
    let gaps = zip(arrivals.dropFirst(), arrivals).map { $0 - $1 }
    #expect(gaps.allSatisfy { $0 >= 0 })
    #expect(abs(gaps.reduce(0, +) / Double(gaps.count) - 0.25) < 0.01)
    // The chance to wait longer than the mean is 1/e.
    #expect(abs(Double(gaps.count { $0 > 0.25 }) / Double(gaps.count) - 0.3679) < 0.015)
  }

  /// Several tokens in one event are several tokens, at the event's time.
  @Test func tokensInOneEvent() async throws {
    let result = try await load(
      .init {
        $0.itlMS = 20
        $0.tokensPerChunk = 4
      }, workload(1, outputTokens: 10))
    let times = result.timelines[0].tokenSeconds
    #expect(times.count == 10 && Set(times).count == 3)
  }

  /// The block's limit ends what is on its way and what has not begun; what was done stays.
  @Test func timeLimit() async throws {
    let engine = try await start(.init { $0.itlMS = 200 })
    let endpoint = EngineEndpoint(baseURL: engine.baseURL, dialect: .llamaCpp)
    // One after the other: one that ends at once, one that would take half an hour, one that would never begin.
    let requests = [2, 8000, 8000].map { GenerationRequest(prompt: .tokens([1, 2, 3]), maxTokens: $0) }
    let (clock, shape) = (ManualClock(), workload(3))
    let generator = LoadGenerator(client: StreamingClient(clock: clock), timeLimitSeconds: 30)
    let loading = Task { await generator.run(requests, workload: shape, seed: 1, at: endpoint) }
    // A third token in all is the second one's, which is sent when the first one has ended.
    while (await EngineCounters.read(endpoint)?.stepCount ?? 0) < 3 {
      try await Task.sleep(for: .milliseconds(10))
    }
    // The limit, and the watch over the second.
    await clock.untilSleeping(2)
    clock.advance(by: .seconds(30))
    let result = await loading.value
    await engine.stop()
    #expect(result.wasCutShort)
    #expect(result.failures[0] == nil && result.timelines[0].outputTokenCount == 2)
    #expect(result.failures[1...] == [.timedOut(afterSeconds: 30), .timedOut(afterSeconds: 30)])
    #expect(result.timelines[2].tokenSeconds.isEmpty)
  }

  /// A request the engine refuses fails alone.
  @Test func oneBadRequest() async throws {
    let good = GenerationRequest(prompt: .tokens([1, 2, 3]), maxTokens: 2)
    let bad = GenerationRequest(prompt: .tokens([99_999_999]), maxTokens: 2)
    let result = try await load(.init(), workload(3), requests: [good, bad, good])
    #expect(result.failures == [nil, .refused(status: 400, message: "Prompt contains invalid tokens"), nil])
    #expect(result.timelines[1].failure?.contains("invalid tokens") == true)
  }
}

/// The guard built beside the tests.
func testGuardPath() throws -> String { try EngineInstallation.standard(stateDirectory: "/nonexistent").guardPath }

import Engines
import FoundationEssentials
import Messaging
import Serving
import Synchronization
import TestKit
import Testing

@testable import Worker

/// Jobs and trials on processes of the scripted engine, under the real guard.
@Suite("EngineWorkExecutor", .timeLimit(.minutes(10))) struct EngineWorkExecutorTests {
  private let directory: TemporaryFolder
  private let configuration: WorkerConfiguration

  init() throws {
    let directory = TemporaryFolder()
    self.directory = directory
    configuration = try WorkerConfiguration { $0 == "state" ? directory.path : nil }
    try TinyModel.write(into: configuration.modelsDirectory)
  }

  private func executor(_ script: ScriptedEngine.Script = .init(), isInstalled: Bool = true) throws
    -> EngineWorkExecutor
  {
    var engine = ScriptedEngine(script: script)
    engine.isInstalled = isInstalled
    return EngineWorkExecutor(
      configuration: configuration, hardware: Fixtures.hardware, engines: [engine],
      guardPath: try EngineInstallation.standard(stateDirectory: directory.path).guardPath)
  }

  private func job(_ model: ModelProfile, maxTokens: Int = 4) -> JobAssignment {
    var job = Fixtures.job(model: model, maxTokens: maxTokens)
    job.spec.prompt = .text("t1 t2 t3")
    return job
  }

  /// What is announced is what is there: the engine with its version, the model with its hash.
  @Test func describesItself() async throws {
    let executor = try executor()
    let description = try await executor.describe()
    #expect(description.engines == [EngineDescription(name: EngineName("scripted"), version: "scripted 1")])
    #expect(description.models.map(\.name) == ["tiny"])
    #expect(description.hardware == Fixtures.hardware)
    #expect(executor.hasModel(description.models[0].id))
    #expect(!executor.hasModel(Fixtures.model().id))
    await executor.stop()
  }

  /// A model that came or went is known of once its file stands still, and not any more once it was described.
  @Test func modelsComeAndGo() async throws {
    let executor = try executor()
    _ = try await executor.describe()
    for _ in 0..<3 { #expect(await !executor.modelsHaveChanged()) }
    let other = configuration.modelsDirectory + "/other.gguf"
    try Data(TinyModel.bytes + [0]).write(to: URL(fileURLWithPath: other))
    #expect(await !executor.modelsHaveChanged())
    // It grows still.
    try Data(TinyModel.bytes + [0, 0]).write(to: URL(fileURLWithPath: other))
    #expect(await !executor.modelsHaveChanged())
    #expect(await executor.modelsHaveChanged())
    #expect(try await executor.describe().models.map(\.name) == ["other", "tiny"])
    #expect(await !executor.modelsHaveChanged())
    try FileManager.default.removeItem(atPath: other)
    #expect(await !executor.modelsHaveChanged())
    #expect(await executor.modelsHaveChanged())
    #expect(try await executor.describe().models.map(\.name) == ["tiny"])
    #expect(await !executor.modelsHaveChanged())
    await executor.stop()
  }

  /// Whoever put a file there that is no model learns what is wrong with it.
  @Test func refusesFilesThatAreNoModels() async throws {
    let executor = try executor()
    let broken = configuration.modelsDirectory + "/broken.gguf"
    try Data(TinyModel.bytes.prefix(40)).write(to: URL(fileURLWithPath: broken))
    #expect(try await executor.describe().models.map(\.name) == ["tiny"])
    #expect(executor.refusedModels.map(\.path) == [broken])
    #expect(executor.refusedModels.map(\.error.code) == [.badInput])
    try FileManager.default.removeItem(atPath: broken)
    _ = try await executor.describe()
    #expect(executor.refusedModels.isEmpty)
    await executor.stop()
  }

  /// Without an engine there is nothing a worker could do, and the message says what to do about it.
  @Test func noEngine() async throws {
    let executor = try executor(isInstalled: false)
    await #expect {
      _ = try await executor.describe()
    } throws: { error in
      (error as? ApusError)?.code == .unavailable && (error as? ApusError)?.reason.contains("scripted") == true
    }
  }

  /// The second job of a kind finds the first one's engine; a trial has it ended first.
  @Test func jobsShareAnEngineAndTrialsDoNot() async throws {
    let executor = try executor()
    let model = try #require(try await executor.describe().models.first)
    let shown = Mutex<[Int32]>([])
    let first = await executor.runJob(job(model)) { tokens in shown.withLock { $0 += tokens.ids } }
    #expect(shown.withLock { $0 } == [4, 5, 6, 7])
    #expect(first.output == " t4 t5 t6 t7")
    let metrics = try #require(first.measurement.outcome.metrics)
    #expect(await executor.warmConfigurations() == ["scripted"])
    let second = await executor.runJob(job(model)) { _ in }
    // The same engine: it was loaded in exactly the same time.
    #expect(second.measurement.outcome.metrics?.loadSeconds == metrics.loadSeconds)
    #expect(second.measurement.id != first.measurement.id)

    var trial = Fixtures.trial(model: model)
    trial.workloads = [Workload(name: "w", promptTokens: 8...8, outputTokens: 4...4, requestCount: 2)]
    let reports = Mutex<[(Measurement, Bool)]>([])
    await executor.runTrial(trial) { measurement, isLast in
      // Called when the trial's only block was measured: no job's engine is loaded any more.
      let warm = await executor.warmConfigurations()
      #expect(warm.isEmpty)
      reports.withLock { $0.append((measurement, isLast)) }
    }
    let reported = reports.withLock { $0 }
    #expect(reported.map(\.1) == [true])
    #expect(reported.first?.0.outcome.metrics?.requestCount == 2)
    await executor.stop()
  }

  /// A job whose prompt lay in a slot that was restored says so in its configuration; the next like it finds what that one
  /// left, and one like no other finds nothing. The engine serves all of them.
  @Test func jobsSparedByRestoredSlots() async throws {
    var configuration = configuration
    configuration.restoresSlots = true
    let text = (1...300).map { "t\($0)" }.joined(separator: " ")
    let engine = ScriptedEngine(knobs: [.slotStore]) { configuration, script in
      if configuration[.slotStore] == .bool(true) { script.restoredPrompt = text }
    }
    let executor = EngineWorkExecutor(
      configuration: configuration, hardware: Fixtures.hardware, engines: [engine],
      guardPath: try EngineInstallation.standard(stateDirectory: directory.path).guardPath)
    let model = try #require(try await executor.describe().models.first)
    func run(_ text: String) async throws -> Measurement {
      var job = job(model)
      job.spec.prompt = .text(text)
      let measurement = await executor.runJob(job) { _ in }.measurement
      #expect(measurement.outcome.metrics != nil)
      return measurement
    }
    let first = try await run(text)
    #expect(first.samples.first?.cachedTokenCount == 299)
    #expect(first.configuration.fingerprint == "scripted slot_store=on" && first.hasRestoredPrefix)
    #expect(first.configuration.methods == [MethodName("slot-restore")])
    let second = try await run(text)
    #expect(second.samples.first?.cachedTokenCount == 299)
    #expect(second.configuration.isDefault && !second.hasRestoredPrefix)
    #expect(try await run("other " + text).configuration.isDefault)
    #expect(await executor.warmConfigurations() == ["scripted"])
    await executor.stop()
  }

  /// A model that is not here and an engine that does not start are results, not the worker's end.
  @Test func failuresAreResults() async throws {
    let executor = try executor(.init { $0.failStart = 3 })
    let model = try #require(try await executor.describe().models.first)
    let unknown = await executor.runJob(job(Fixtures.model())) { _ in }
    #expect(unknown.measurement.outcome.kind == "engine_failed")
    #expect(unknown.measurement.model.id == Fixtures.model().id)
    let failed = await executor.runJob(job(model)) { _ in }
    #expect(failed.measurement.outcome.kind == "engine_failed")
    #expect(failed.measurement.engineVersion == "scripted 1")
    #expect(await executor.warmConfigurations().isEmpty)
    await executor.stop()
  }

  /// An engine that dies under a job fails that job only: the next one gets a fresh engine.
  @Test func crashUnderAJob() async throws {
    let executor = try executor(.init { $0.dieAfterTokens = 2 })
    let model = try #require(try await executor.describe().models.first)
    for _ in 0..<2 {
      let result = await executor.runJob(job(model)) { _ in }
      #expect(result.measurement.outcome.kind == "engine_failed")
    }
    await executor.stop()
  }

  /// A job cancelled while it runs ends as cancelled, and its engine stays warm.
  @Test func cancelledJob() async throws {
    let executor = try executor(.init { $0.itlMS = 1000 })
    let model = try #require(try await executor.describe().models.first)
    let (begun, begin) = AsyncStream<Void>.makeStream()
    let long = job(model, maxTokens: 1000)
    let run = Task { await executor.runJob(long) { _ in begin.yield() } }
    for await _ in begun { break }
    run.cancel()
    #expect(await run.value.measurement.outcome == .cancelled)
    #expect(await executor.warmConfigurations() == ["scripted"])
    await executor.stop()
  }

  /// The engine that is loaded before its job comes is the one that the job gets: no other is started for it.
  @Test func warmsUpForTheNextJob() async throws {
    let executor = try executor()
    let model = try #require(try await executor.describe().models.first)
    let job = job(model)
    let wish = EngineWarmUp(
      model: model.id, configuration: job.candidate.configuration,
      contextTokens: ContextBudget.tokens(for: job.spec, contextLength: 0))
    try await executor.warmUp(wish)
    #expect(await executor.warmConfigurations() == ["scripted"])
    #expect(await executor.runJob(job) { _ in }.output == " t4 t5 t6 t7")
    #expect(await executor.warmConfigurations() == ["scripted"])
    await executor.stop()
  }

  /// No engine is loaded with more context than its model has, as for jobs.
  @Test func warmsUpWithinTheContext() async throws {
    let executor = try executor()
    let model = try #require(try await executor.describe().models.first)
    for tokens in [100_000, model.contextLength] {
      try await executor.warmUp(
        EngineWarmUp(
          model: model.id, configuration: Fixtures.candidate().configuration, contextTokens: tokens))
      #expect(await executor.warmConfigurations() == ["scripted"], "the same engine both times")
    }
    await executor.stop()
  }

  /// One that cannot start, or whose model is not here, says why.
  @Test func failedWarmUp() async throws {
    let executor = try executor(.init { $0.failStart = 3 })
    let model = try #require(try await executor.describe().models.first)
    for id in [model.id, Fixtures.model().id] {
      let wish = EngineWarmUp(
        model: id, configuration: Fixtures.candidate().configuration, contextTokens: 2048)
      await #expect {
        try await executor.warmUp(wish)
      } throws: { error in
        if case .ended? = error as? EngineFailure { true } else { false }
      }
    }
    #expect(await executor.warmConfigurations().isEmpty)
    await executor.stop()
  }
}

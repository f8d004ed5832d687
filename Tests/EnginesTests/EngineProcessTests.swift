import Engines
import Foundation
import Serving
import TestKit
import Testing

/// Runs the real guard around an engine that does what a script says, and looks at what is left of it afterwards.
@Suite("EngineProcess") struct EngineProcessTests {
  private let guardPath: String

  init() throws { guardPath = try EngineInstallation.standard(stateDirectory: "/nonexistent").guardPath }

  private func start(
    _ script: ScriptedEngine.Script = .init(), memoryLimitBytes: Int? = nil, memoryGuard: MemoryGuard = .auto,
    timeout: Double = 300, polled: Bool = false
  ) async throws -> EngineProcess {
    var engine = ScriptedEngine(script: script)
    engine.startTimeoutSeconds = timeout
    engine.isPolled = polled
    return try await EngineProcess.start(
      engine.plan(port: polled ? LoopbackPort.free() : 0), guardPath: guardPath, memoryLimitBytes: memoryLimitBytes,
      memoryGuard: memoryGuard)
  }

  private func failureOfStart(
    _ script: ScriptedEngine.Script, timeout: Double = 300
  ) async -> EngineFailure? {
    do {
      let engine = try await start(script, timeout: timeout)
      await engine.stop()
      return nil
    } catch {
      return error as? EngineFailure
    }
  }

  /// Both ways to know that an engine is ready give one that answers; after `stop` nothing is left of it.
  @Test(arguments: [false, true]) func startsAnswersAndStops(polled: Bool) async throws {
    let engine = try await start(.init { $0.loadMS = 100 }, polled: polled)
    #expect(try await httpGet("\(engine.baseURL)/health").contains("ok"))
    #expect(engine.loadSeconds >= 0.1)
    #expect(await engine.cpuSeconds() > 0)
    #expect(await engine.peakMemoryBytes() > 1 << 20)
    let usage = await engine.stop()
    #expect(usage.cpuSeconds > 0 && usage.peakMemoryBytes > 1 << 20)
    #expect(!processExists(engine.processID))
    #expect(await engine.ending == nil)
    #expect(await engine.exit() == nil)
  }

  /// An engine that crashes while it works ends with the signal and its last words.
  @Test func crashIsAnEndingWithTheLastLines() async throws {
    let engine = try await start(.init { $0.dieAfterTokens = 2 })
    _ = try? await httpPost("\(engine.baseURL)/completion", #"{"prompt":[1],"n_predict":9}"#)
    let failure = try #require(await engine.exit())
    guard case .ended(let reason, let lastLines) = failure else {
      Issue.record("ended as \(failure)")
      return
    }
    #expect(reason == "the engine was ended by SIGSEGV (11)")
    #expect(lastLines.contains("dying as told"))
    #expect(failure.outcome.kind == "engine_failed")
    await engine.stop()
    #expect(await engine.ending == failure, "stopping an engine that crashed must not hide the crash")
  }

  @Test func failureToStartHasStatusAndLines() async {
    let failure = await failureOfStart(.init { $0.failStart = 65 })
    guard case .ended(let reason, let lastLines) = failure else {
      Issue.record("ended as \(String(describing: failure))")
      return
    }
    #expect(reason == "the engine exited with status 65")
    #expect(lastLines.contains("failing at the start as told"))
  }

  /// A port that another server has: its answers are not taken for the engine's, whose end is the result, and it goes on.
  @Test func takenPortIsAFailure() async throws {
    var other = ScriptedEngine()
    other.isPolled = true
    let port = try LoopbackPort.free()
    let first = try await EngineProcess.start(other.plan(port: port), guardPath: guardPath, memoryLimitBytes: nil)
    do {
      let second = try await EngineProcess.start(other.plan(port: port), guardPath: guardPath, memoryLimitBytes: nil)
      await second.stop()
      Issue.record("an engine on a port that is taken was called ready")
    } catch {
      guard case .ended(let reason, let lastLines) = error else {
        Issue.record("ended as \(error)")
        return
      }
      #expect(reason == "the engine exited with status 1" && lastLines.contains("Address already in use"))
    }
    #expect(try await httpGet("\(first.baseURL)/health").contains("ok"))
    await first.stop()
  }

  @Test func missingExecutableIsAFailureNotACrash() async {
    let plan = LaunchPlan(command: ["/no/such/engine"], environment: [:], readiness: .announced)
    await #expect(throws: EngineFailure.self) {
      try await EngineProcess.start(plan, guardPath: guardPath, memoryLimitBytes: nil)
    }
    await #expect(throws: EngineFailure.self) {
      try await EngineProcess.start(plan, guardPath: "/no/such/guard", memoryLimitBytes: nil)
    }
  }

  @Test func hangAtTheStartTimesOut() async {
    #expect(await failureOfStart(.init { $0.hang = .start }, timeout: 0.5) == .startTimedOut(afterSeconds: 0.5))
  }

  /// 400 MB a second against a limit of 150 MB: the guard ends it, and the worker hears why.
  @Test func memoryEaterIsOutOfMemory() async throws {
    let engine = try await start(.init { $0.eatMegabytesPerSecond = 400 }, memoryLimitBytes: 150 << 20)
    let failure = try #require(await engine.exit())
    #expect(failure.outcome.kind == "out_of_memory")
    #expect(!processExists(engine.processID))
    #expect(await engine.peakMemoryBytes() > 150 << 20)
  }

  /// Three gigabytes as fast as memory can be written, against a limit of 150 MB: whatever holds the limit, the engine is
  /// ended for it, it never gets far above, and the outcome says what held.
  @Test(arguments: MemoryGuard.allCases) func gluttonIsOutOfMemory(memoryGuard: MemoryGuard) async throws {
    let limit = 150 << 20
    let engine = try await start(
      .init { $0.eatMegabytesAtOnce = 3000 }, memoryLimitBytes: limit, memoryGuard: memoryGuard)
    _ = try? await httpPost("\(engine.baseURL)/completion", #"{"prompt":[1],"n_predict":1}"#)
    let failure = try #require(await engine.exit())
    guard case .outOfMemory(let detail) = failure else {
      Issue.record("ended as \(failure)")
      return
    }
    #expect(!processExists(engine.processID))
    let peak = await engine.peakMemoryBytes()
    switch memoryGuard {
    case .auto: #expect(detail.contains("cgroup-v") || detail.contains("data-limit"), "\(detail)")
    // Where no control group may be made the limit on data stands in, and says so.
    case .cgroup: #expect(detail.contains("cgroup-v") || detail.contains("data-limit"), "\(detail)")
    case .data: #expect(detail.contains("data-limit"), "\(detail)")
    case .watch: #expect(detail.contains("watched"), "\(detail)")
    }
    if memoryGuard != .watch { #expect(peak < 2 * limit + (256 << 20), "\(peak >> 20) MiB") }
  }

  /// The guard is stopped, so that nobody looks: the hard limit alone ends the engine long before it has its three
  /// gigabytes, and the guard finds that out when it goes on.
  @Test(arguments: [MemoryGuard.auto, .data]) func theHardLimitHoldsWhenNobodyLooks(memoryGuard: MemoryGuard)
    async throws
  {
    let engine = try await start(
      .init { $0.eatMegabytesAtOnce = 3000 }, memoryLimitBytes: 150 << 20, memoryGuard: memoryGuard)
    let guardID = try #require(parentProcess(of: engine.processID))
    kill(guardID, SIGSTOP)
    _ = try? await httpPost("\(engine.baseURL)/completion", #"{"prompt":[1],"n_predict":1}"#)
    try await eventually { !processExists(engine.processID) }
    kill(guardID, SIGCONT)
    let failure = try #require(await engine.exit())
    #expect(failure.outcome.kind == "out_of_memory", "\(failure)")
    #expect(await engine.peakMemoryBytes() < 1 << 30)
  }

  /// A control group is taken away with the engine it held.
  @Test func noControlGroupIsLeft() async throws {
    let engine = try await start(memoryLimitBytes: 1 << 30)
    let guardID = try #require(parentProcess(of: engine.processID))
    func groups() -> [String] {
      (FileManager.default.enumerator(atPath: "/sys/fs/cgroup")?.compactMap { $0 as? String } ?? [])
        .filter { $0.hasSuffix("/apus-engine-\(guardID)") }
    }
    let whileRunning = groups()
    await engine.stop()
    #expect(groups().isEmpty, "\(whileRunning)")
  }

  /// An engine that ignores SIGTERM, with a child in a session of its own that ignores it too: both are gone after `stop`.
  @Test func stopDoesNotTakeNo() async throws {
    let engine = try await start(
      .init {
        $0.ignoresSIGTERM = true
        $0.child = true
      })
    let words = engine.lastLines.split { $0.isWhitespace }
    let child = try #require(words.firstIndex(of: "CHILD").flatMap { Int32(words[$0 + 1]) })
    #expect(processExists(child))
    await engine.stop()
    #expect(!processExists(engine.processID))
    #expect(!processExists(child))
  }

  /// A start that is given up leaves no process.
  @Test func cancelledStartLeavesNothing() async throws {
    let marker = "cancelled-start-\(getpid())"
    let plan = LaunchPlan(
      command: ["sh", "-c", ": \(marker); exec sleep 1000"], environment: [:], readiness: .announced)
    let guardPath = guardPath
    let task = Task { try await EngineProcess.start(plan, guardPath: guardPath, memoryLimitBytes: nil) }
    try await eventually { processes(withArgument: marker).count > 0 }
    task.cancel()
    await #expect(throws: EngineFailure.cancelled) { try await task.value }
    #expect(processes(withArgument: marker).isEmpty)
  }

  /// Waiting for an engine's end is given up at once when the waiting task is cancelled.
  @Test func cancelledWaitReturns() async throws {
    let engine = try await start()
    let waiting = Task { await engine.exit() }
    waiting.cancel()
    #expect(await waiting.value == nil)
    #expect(await engine.isRunning)
    await engine.stop()
  }

  /// A guard that gets kill -9 takes the engine with it.
  @Test func killedGuardTakesTheEngineAlong() async throws {
    let engine = try await start()
    let parent = try #require(parentProcess(of: engine.processID))
    kill(parent, SIGKILL)
    let failure = try #require(await engine.exit())
    #expect(failure.outcome.kind == "engine_failed")
    try await eventually { !processExists(engine.processID) }
  }

  /// A worker that gets kill -9 cannot clean up: a helper process starts an engine under the guard and is killed.
  @Test func killedParentTakesTheEngineAlong() async throws {
    let marker = "orphan-\(getpid())"
    // The helper's own output is the lifeline: `cat` ends when the helper does.
    let script = """
      mkfifo "$0"; '\(guardPath)' -- sh -c 'trap "" TERM; while :; do sleep 0.1; : \(marker); done' <"$0" & exec 9>"$0"
      exec sleep 1000 # \(marker)
      """
    let fifo = FileManager.default.temporaryDirectory.path + "/\(marker).fifo"
    defer { try? FileManager.default.removeItem(atPath: fifo) }
    let helper = try ChildProcess.spawn(.init(["sh", "-c", script, fifo], output: .discarded, error: .discarded))
    try await eventually { processes(withArgument: marker).contains { $0.command.hasPrefix("sh -c trap") } }
    helper.send(signal: SIGKILL)
    #expect(await helper.end() == .signalled(SIGKILL))
    try await eventually { processes(withArgument: marker).isEmpty }
  }
}

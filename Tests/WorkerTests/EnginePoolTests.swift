import Engines
import Serving
import Synchronization
import Testing

@testable import Worker

/// Stands for an engine process; a test can make it crash.
private final class FakeEngine: PooledEngine {
  let key: EngineKey
  private let endings = AsyncStream.makeStream(of: EngineFailure?.self)
  private let stopped = Mutex(false)

  init(_ key: EngineKey) { self.key = key }

  var isStopped: Bool { stopped.withLock { $0 } }

  func crash() { endings.continuation.yield(.ended(reason: "crashed", lastLines: "")) }

  func exit() async -> EngineFailure? {
    for await ending in endings.stream { return ending }
    return nil
  }

  func stop() async -> EngineUsage {
    stopped.withLock { $0 = true }
    endings.continuation.yield(nil)
    return EngineUsage(cpuSeconds: 0, peakMemoryBytes: 0)
  }
}

/// Starts fake engines and counts them; a start can be held or made to fail.
private final class Launcher: Sendable {
  private struct State {
    var launched: [FakeEngine] = []
    var failure: EngineFailure?
    var isHeld = false
    var held: [CheckedContinuation<Void, Never>] = []
    var whenHeld: @Sendable () -> Void = {}
  }
  private let state = Mutex(State())

  var launched: [FakeEngine] { state.withLock { $0.launched } }
  func fail(with failure: EngineFailure?) { state.withLock { $0.failure = failure } }
  /// - Parameter told: called for each start that is held.
  func hold(_ told: @escaping @Sendable () -> Void = {}) {
    state.withLock {
      $0.isHeld = true
      $0.whenHeld = told
    }
  }
  func letGo() {
    let held = state.withLock { state in
      state.isHeld = false
      defer { state.held = [] }
      return state.held
    }
    for waiting in held { waiting.resume() }
  }

  func launch(_ key: EngineKey) async throws(EngineFailure) -> FakeEngine {
    await withCheckedContinuation { waiting in
      let mustWait = state.withLock { state in
        if state.isHeld { state.held.append(waiting) }
        return state.isHeld
      }
      if mustWait { state.withLock { $0.whenHeld }() } else { waiting.resume() }
    }
    if let failure = state.withLock({ $0.failure }) { throw failure }
    let engine = FakeEngine(key)
    state.withLock { $0.launched.append(engine) }
    return engine
  }
}

@Suite("EnginePool", .timeLimit(.minutes(10))) struct EnginePoolTests {
  private let launcher = Launcher()

  private func pool(engines: Int = 2) -> EnginePool<FakeEngine> {
    let launcher = launcher
    return EnginePool(engineLimit: engines, memoryLimitBytes: 1 << 30) {
      key async throws(EngineFailure) -> FakeEngine in try await launcher.launch(key)
    }
  }

  private func key(_ name: Character, slots: Int = 1) -> EngineKey {
    EngineKey(
      model: Fixtures.model(name).id, configuration: Fixtures.candidate(slots: slots).configuration,
      contextTokens: 2048)
  }

  private func acquire(
    _ pool: EnginePool<FakeEngine>, _ key: EngineKey
  ) async throws(EngineFailure) -> EngineLoan<FakeEngine> {
    try await pool.acquire(
      key, slotCount: key.configuration[.slotCount]?.intValue ?? 1, memoryBytes: 100 << 20)
  }

  /// The next job of the same kind finds the engine warm; jobs of it at once share it.
  @Test func warmAndShared() async throws {
    let pool = pool()
    let first = try await acquire(pool, key("a", slots: 2))
    let second = try await acquire(pool, key("a", slots: 2))
    #expect(first.engine === second.engine)
    await pool.release(first, measuredBytes: 10 << 20)
    await pool.release(second, measuredBytes: 10 << 20)
    let third = try await acquire(pool, key("a", slots: 2))
    #expect(third.engine === first.engine)
    #expect(launcher.launched.count == 1)
    #expect(await pool.warmConfigurations == [key("a", slots: 2).configuration.fingerprint])
    await pool.stop()
    #expect(launcher.launched.allSatisfy { $0.isStopped })
  }

  /// Jobs that come while the engine starts wait for that start and cause no other.
  @Test func oneStartForAll() async throws {
    let pool = pool()
    launcher.hold()
    async let first = acquire(pool, key("a", slots: 4))
    async let second = acquire(pool, key("a", slots: 4))
    async let third = acquire(pool, key("a", slots: 4))
    launcher.letGo()
    let engines = try await [first.engine, second.engine, third.engine]
    #expect(Set(engines.map { ObjectIdentifier($0) }).count == 1)
    #expect(launcher.launched.count == 1)
    await pool.stop()
  }

  /// The evicted engine is gone before the new one starts.
  @Test func eviction() async throws {
    let pool = pool(engines: 1)
    let first = try await acquire(pool, key("a"))
    await pool.release(first, measuredBytes: 10 << 20)
    let second = try await acquire(pool, key("b"))
    #expect(first.engine.isStopped)
    #expect(!second.engine.isStopped)
    await pool.stop()
  }

  /// An engine that ends by itself is not lent again, and the job that had it gives it back without harm.
  @Test func crash() async throws {
    let pool = pool(engines: 1)
    let first = try await acquire(pool, key("a"))
    // Waits for room, which only the crash makes.
    async let second = acquire(pool, key("b"))
    first.engine.crash()
    let other = try await second
    #expect(other.engine.key == key("b"))
    await pool.release(first, measuredBytes: 10 << 20)
    await pool.release(other, measuredBytes: 10 << 20)
    let again = try await acquire(pool, key("a"))
    #expect(again.engine !== first.engine)
    await pool.stop()
  }

  /// A start that fails is every waiting job's failure, and the next job tries anew.
  @Test func failedStart() async throws {
    let pool = pool()
    launcher.fail(with: .startTimedOut(afterSeconds: 120))
    await #expect(throws: EngineFailure.startTimedOut(afterSeconds: 120)) { try await acquire(pool, key("a")) }
    #expect(await pool.warmConfigurations.isEmpty)
    launcher.fail(with: nil)
    _ = try await acquire(pool, key("a"))
    await pool.stop()
  }

  /// A cancelled job waits no longer, and its place goes to the next one.
  @Test func cancelledWaiter() async throws {
    let pool = pool(engines: 1)
    let first = try await acquire(pool, key("a"))
    let waiter = Task { try await acquire(pool, key("b")) }
    waiter.cancel()
    await #expect(throws: EngineFailure.cancelled) { try await waiter.value }
    await pool.release(first, measuredBytes: 10 << 20)
    let third = try await acquire(pool, key("c"))
    #expect(launcher.launched.map(\.key) == [key("a"), key("c")])
    await pool.release(third, measuredBytes: 10 << 20)
    await pool.stop()
  }

  /// A job cancelled while its engine starts leaves at once; the engine is warm for the next one.
  @Test func cancelledWhileStarting() async throws {
    let pool = pool()
    launcher.hold()
    let waiter = Task { try await acquire(pool, key("a")) }
    waiter.cancel()
    await #expect(throws: EngineFailure.cancelled) { try await waiter.value }
    launcher.letGo()
    let next = try await acquire(pool, key("a"))
    #expect(next.engine.key == key("a"))
    await pool.stop()
  }

  /// Before a trial the idle engines go, and those in use stay.
  @Test func exclusivity() async throws {
    let pool = pool()
    let used = try await acquire(pool, key("a"))
    let idle = try await acquire(pool, key("b"))
    await pool.release(idle, measuredBytes: 10 << 20)
    await pool.evictIdle()
    #expect(idle.engine.isStopped)
    #expect(!used.engine.isStopped)
    await pool.stop()
  }

  /// Stopping cancels who waits and refuses who comes later.
  @Test func stop() async throws {
    let pool = pool(engines: 1)
    let first = try await acquire(pool, key("a"))
    let waiter = Task { try await acquire(pool, key("b")) }
    await pool.stop()
    #expect(first.engine.isStopped)
    await #expect(throws: EngineFailure.cancelled) { try await waiter.value }
    await #expect(throws: EngineFailure.cancelled) { try await acquire(pool, key("a")) }
  }

  private func warmUp(_ pool: EnginePool<FakeEngine>, _ key: EngineKey) async throws(EngineFailure) {
    try await pool.warmUp(key, slotCount: 1, memoryBytes: 100 << 20)
  }

  /// The first job finds the engine that was loaded for it, and no second one is started for who asks again.
  @Test func warmsUp() async throws {
    let pool = pool()
    try await warmUp(pool, key("a"))
    try await warmUp(pool, key("a"))
    let loan = try await acquire(pool, key("a"))
    #expect(loan.engine === launcher.launched.first && launcher.launched.count == 1)
    await pool.stop()
  }

  /// Nothing is loaded beside a job, and nothing goes for what nobody asked for.
  @Test func warmsUpOnlyWhenIdle() async throws {
    let pool = pool(engines: 1)
    let loan = try await acquire(pool, key("a"))
    try await warmUp(pool, key("b"))
    await pool.release(loan, measuredBytes: 10 << 20)
    try await warmUp(pool, key("b"))
    #expect(launcher.launched.map(\.key) == [key("a")] && !loan.engine.isStopped)
    await pool.stop()
  }

  /// A job for another engine does not wait for a warm-up, which is ended; there is room for both.
  @Test func jobsGoBeforeWarmUps() async throws {
    let pool = pool()
    let (started, start) = AsyncStream<Void>.makeStream()
    launcher.hold { start.yield() }
    let warmUp = Task { try await self.warmUp(pool, key("a")) }
    for await _ in started { break }
    async let loan = acquire(pool, key("b"))
    for await _ in started { break }
    launcher.letGo()
    let other = try await loan
    #expect(other.engine.key == key("b"))
    await #expect(throws: EngineFailure.cancelled) { try await warmUp.value }
    #expect(launcher.launched.filter { $0.key == key("a") }.allSatisfy { $0.isStopped })
    #expect(await pool.warmConfigurations.count == 1)
    await pool.stop()
  }

  /// Where there is no room for both, the job's engine takes the place of the other, loaded by then or not.
  @Test func warmUpsMakeRoom() async throws {
    let pool = pool(engines: 1)
    let (started, start) = AsyncStream<Void>.makeStream()
    launcher.hold { start.yield() }
    let warmUp = Task { try await self.warmUp(pool, key("a")) }
    for await _ in started { break }
    async let loan = acquire(pool, key("b"))
    launcher.letGo()
    _ = try? await warmUp.value
    let other = try await loan
    #expect(other.engine.key == key("b"))
    #expect(launcher.launched.filter { $0.key == key("a") }.allSatisfy { $0.isStopped })
    await pool.stop()
  }

  /// One for the same engine takes part in the start.
  @Test func warmUpServes() async throws {
    let pool = pool()
    let (started, start) = AsyncStream<Void>.makeStream()
    launcher.hold { start.yield() }
    let warmUp = Task { try await self.warmUp(pool, key("a")) }
    for await _ in started { break }
    async let loan = acquire(pool, key("a"))
    launcher.letGo()
    let engine = try await loan.engine
    try await warmUp.value
    #expect(launcher.launched.count == 1 && launcher.launched[0] === engine && !engine.isStopped)
    await pool.stop()
  }

  /// A start that fails is told to who asked for it, and the next one is tried.
  @Test func warmUpFails() async throws {
    let pool = pool()
    launcher.fail(with: .startTimedOut(afterSeconds: 120))
    await #expect(throws: EngineFailure.startTimedOut(afterSeconds: 120)) { try await self.warmUp(pool, key("a")) }
    launcher.fail(with: nil)
    try await warmUp(pool, key("a"))
    #expect(await pool.warmConfigurations.count == 1)
    await pool.stop()
  }

  /// A trial needs the machine: what is being loaded goes with the idle ones.
  @Test func trialsEndWarmUps() async throws {
    let pool = pool()
    let (started, start) = AsyncStream<Void>.makeStream()
    launcher.hold { start.yield() }
    let warmUp = Task { try await self.warmUp(pool, key("a")) }
    for await _ in started { break }
    let eviction = Task { await pool.evictIdle() }
    launcher.letGo()
    await eviction.value
    _ = try? await warmUp.value
    #expect(await pool.warmConfigurations.isEmpty && launcher.launched.allSatisfy { $0.isStopped })
    await pool.stop()
  }
}

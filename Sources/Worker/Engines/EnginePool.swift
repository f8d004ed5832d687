public import Engines

/// What the pool needs of a running engine. `JobEngine` is one; tests have another.
public protocol PooledEngine: Sendable {
  /// Waits until it has ended; nil when it was stopped, or when the waiting task is cancelled first.
  func exit() async -> EngineFailure?
  /// Ends it; returns once it is gone.
  @discardableResult func stop() async -> EngineUsage
}

/// An engine lent to one job.
public struct EngineLoan<Engine: PooledEngine>: Sendable {
  public let engine: Engine
  fileprivate let number: PoolLedger.EngineNumber
}

/// Engines kept loaded for jobs, so that the next job of the same kind does not wait for a model to load.
///
/// Jobs with equal keys share one engine, as many at a time as it has slots. The number of engines and their memory are
/// bounded: the longest unused ones make room, and a job waits while all are in use (`PoolLedger` has the order). Those
/// who wait are bounded by the worker's job capacity. An engine that ends by itself is taken out at once.
public actor EnginePool<Engine: PooledEngine> {
  public typealias Launch = @Sendable (EngineKey) async throws(EngineFailure) -> Engine

  private let launch: Launch
  private var ledger: PoolLedger
  private var engines: [PoolLedger.EngineNumber: Engine] = [:]
  /// Running until the engine is ready or failed to start.
  private var starts: [PoolLedger.EngineNumber: Task<EngineFailure?, Never>] = [:]
  /// The one of them that no job asked for yet.
  private var warming: PoolLedger.EngineNumber?
  /// Waiting for the end of an engine.
  private var watches: [PoolLedger.EngineNumber: Task<Void, Never>] = [:]
  private var waiting: [PoolLedger.Ticket: Waiting] = [:]
  private var isStopped = false

  private struct Waiting {
    var answer: CheckedContinuation<Result<EngineLoan<Engine>, EngineFailure>, Never>
    /// The engine it was promised, once there is one.
    var engine: PoolLedger.EngineNumber?
  }

  /// - Parameters:
  ///   - engineLimit: most engines loaded at once, at least 1.
  ///   - memoryLimitBytes: most bytes they are foreseen to take together.
  ///   - launch: starts an engine and waits until it is ready.
  public init(engineLimit: Int, memoryLimitBytes: Int, launch: @escaping Launch) {
    self.launch = launch
    ledger = PoolLedger(engineLimit: engineLimit, memoryLimitBytes: memoryLimitBytes)
  }

  /// Lends an engine, which must be given back with `release`. Waits while there is none.
  ///
  /// - Parameters:
  ///   - slotCount: jobs such an engine serves at once.
  ///   - memoryBytes: what it is foreseen to take.
  /// - Throws: why it did not start; `cancelled` when the task is cancelled or the pool stopped.
  public func acquire(
    _ key: EngineKey, slotCount: Int, memoryBytes: Int
  ) async throws(EngineFailure) -> EngineLoan<Engine> {
    guard !isStopped, !Task.isCancelled else { throw .cancelled }
    endWarmUp(unless: key)
    let ticket = ledger.ask(PoolLedger.Request(key: key, slotCount: slotCount, memoryBytes: memoryBytes))
    let answer = await withTaskCancellationHandler {
      await withCheckedContinuation { answer in
        waiting[ticket] = Waiting(answer: answer)
        serve()
      }
    } onCancel: {
      // The handler cannot wait for the actor; this ends as soon as the actor had its turn.
      Task { await self.cancel(ticket) }
    }
    return try answer.get()
  }

  /// Gives an engine back.
  ///
  /// - Parameter measuredBytes: the room that it was seen to take since its start, in bytes; nil where nobody looked.
  public func release(_ loan: EngineLoan<Engine>, measuredBytes: Int?) {
    ledger.release(loan.number, measuredBytes: measuredBytes)
    serve()
  }

  /// Loads an engine for jobs that are foreseen; does nothing unless all is idle and there is room beside what is loaded.
  /// The first job ends it, unless it is for this engine.
  ///
  /// - Throws: why it did not start; `cancelled` when it gave way.
  public func warmUp(_ key: EngineKey, slotCount: Int, memoryBytes: Int) async throws(EngineFailure) {
    let request = PoolLedger.Request(key: key, slotCount: slotCount, memoryBytes: memoryBytes)
    guard !isStopped, !Task.isCancelled, starts.isEmpty, let number = ledger.add(request) else { return }
    warming = number
    let start = Task { await self.start(number, key, after: []) }
    starts[number] = start
    if let failure = await start.value { throw failure }
  }

  /// Configuration fingerprints of the engines that are ready, sorted.
  public var warmConfigurations: [String] {
    ledger.keys.filter { engines[$0.key] != nil }.map(\.value.configuration.fingerprint).sorted()
  }

  /// Ends every engine that nobody uses, and returns once they are gone: a trial needs the machine to itself.
  public func evictIdle() async {
    for number in ledger.removeIdle() { await end(number) }
  }

  /// Ends every engine; those who wait are cancelled, and so is everybody who asks later.
  public func stop() async {
    isStopped = true
    for ticket in waiting.keys { cancel(ticket) }
    for number in Set(engines.keys).union(starts.keys) {
      ledger.remove(number)
      await end(number)
    }
  }

  // MARK: Inside

  private func serve() {
    guard !isStopped else { return }
    for grant in ledger.grants() {
      waiting[grant.ticket]?.engine = grant.engine
      if grant.starts {
        let key = ledger.keys[grant.engine]!
        starts[grant.engine] = Task { await self.start(grant.engine, key, after: grant.evicted) }
      } else if let engine = engines[grant.engine] {
        answer(grant.ticket, .success(EngineLoan(engine: engine, number: grant.engine)))
      }
    }
  }

  /// A job came: what was being loaded for nobody in particular is its own, or goes.
  private func endWarmUp(unless key: EngineKey) {
    guard let number = warming else { return }
    warming = nil
    guard ledger.keys[number] != key else { return }
    ledger.abandon(number)
    starts[number]?.cancel()
  }

  /// - Returns: why it did not start.
  private func start(
    _ number: PoolLedger.EngineNumber, _ key: EngineKey, after evicted: [Int]
  ) async -> EngineFailure? {
    for other in evicted { await end(other) }
    let result: Result<Engine, EngineFailure>
    do throws(EngineFailure) {
      result = .success(try await launch(key))
    } catch {
      result = .failure(error)
    }
    starts[number] = nil
    if warming == number { warming = nil }
    defer { serve() }
    switch result {
    case .success(let engine) where ledger.keys[number] != nil:
      engines[number] = engine
      watches[number] = Task {
        guard await engine.exit() != nil else { return }
        self.ended(number)
      }
      answerAll(number, .success(EngineLoan(engine: engine, number: number)))
      return nil
    case .success(let engine):
      // It was taken out while it started.
      answerAll(number, .failure(.cancelled))
      await engine.stop()
      ledger.remove(number)
      return .cancelled
    case .failure(let failure):
      ledger.remove(number)
      answerAll(number, .failure(failure))
      return failure
    }
  }

  private func ended(_ number: PoolLedger.EngineNumber) {
    engines[number] = nil
    watches[number] = nil
    ledger.remove(number)
    serve()
  }

  /// Stops an engine that is out of the ledger already.
  private func end(_ number: PoolLedger.EngineNumber) async {
    watches.removeValue(forKey: number)?.cancel()
    if let starting = starts[number] {
      starting.cancel()
      _ = await starting.value
    }
    await engines.removeValue(forKey: number)?.stop()
  }

  private func answerAll(_ number: PoolLedger.EngineNumber, _ result: Result<EngineLoan<Engine>, EngineFailure>) {
    for (ticket, waiter) in waiting where waiter.engine == number { answer(ticket, result) }
  }

  private func answer(_ ticket: PoolLedger.Ticket, _ result: Result<EngineLoan<Engine>, EngineFailure>) {
    waiting.removeValue(forKey: ticket)?.answer.resume(returning: result)
  }

  private func cancel(_ ticket: PoolLedger.Ticket) {
    guard let waiter = waiting[ticket] else { return }
    if let engine = waiter.engine {
      // Its start goes on: the next job of this kind finds it warm.
      ledger.release(engine, measuredBytes: nil)
    } else {
      ledger.withdraw(ticket)
    }
    answer(ticket, .failure(.cancelled))
    serve()
  }
}

import Glibc
import Serving

/// What an engine used from its start on, all its processes together.
public struct EngineUsage: Hashable, Sendable {
  public var cpuSeconds: Double
  public var peakMemoryBytes: Int
  /// What it has of GPUs' memory now; nil where it has none or that cannot be seen.
  public var acceleratorMemoryBytes: Int?

  public init(cpuSeconds: Double, peakMemoryBytes: Int, acceleratorMemoryBytes: Int? = nil) {
    self.cpuSeconds = cpuSeconds
    self.peakMemoryBytes = peakMemoryBytes
    self.acceleratorMemoryBytes = acceleratorMemoryBytes
  }
}

/// A running engine: the one place that spawns engines.
///
/// The engine runs under `apus-engine-guard`, which ends it with all its processes when this process dies, when its
/// memory goes over the limit, or at `stop`. Nothing here waits for ever: a start has its time-out, and a stop that
/// is not obeyed becomes SIGKILL.
public actor EngineProcess {
  /// Seconds after the engine's own grace in which the guard ends it; it does so within one. Then the guard is given up.
  static let guardSeconds = 10.0

  /// Where it answers, such as `http://127.0.0.1:40123`, without a slash at the end.
  public nonisolated let baseURL: String
  /// Start of the process to readiness.
  public nonisolated let loadSeconds: Double
  /// The engine's own process, for tests and for people.
  public nonisolated let processID: Int32

  private let child: ChildProcess
  private let log: EngineLog
  private let memoryLimitBytes: Int?
  /// From asking the guard to giving it up.
  private let graceSeconds: Double
  private var wasStopped = false
  private var peakSoFar = 0
  private var cpuSoFar = 0.0
  /// Its processes and when they were looked up, which takes longer than to look at them.
  private var processes: (tree: ProcessTree, at: UInt64)?
  /// How long they are taken to be the same: several looks are taken for each job.
  private static let processesNanoseconds: UInt64 = 250_000_000

  /// Starts an engine and waits until it is ready.
  ///
  /// - Parameters:
  ///   - memoryLimitBytes: most resident memory of all its processes together; nil for no limit.
  ///   - memoryGuard: how that limit is held between two looks at it.
  /// - Throws: how it failed; no process is left then. `cancelled` when this task is cancelled before it is ready.
  public static func start(
    _ plan: LaunchPlan, guardPath: String, memoryLimitBytes: Int?, memoryGuard: MemoryGuard = .auto
  ) async throws(EngineFailure) -> EngineProcess {
    let log = EngineLog()
    let started = monotonicNanoseconds()
    // Should the machine run out of memory, engines are the ones to go, not the worker beside them.
    var command = [guardPath, "--status-fd", "3", "--grace", String(plan.stopGraceSeconds), "--oom-score", "1000"]
    if let memoryLimitBytes {
      command += ["--memory-limit", String(memoryLimitBytes), "--hard-limit", memoryGuard.rawValue]
    }
    command += ["--"] + plan.command

    let child: ChildProcess
    do throws(ApusError) {
      child = try ChildProcess.spawn(
        ChildProcess.Plan(
          command, environment: plan.environment, input: .lifeline,
          output: .lines { log.takeOutput($0, announces: plan.readiness == .announced) },
          error: .lines { log.takeError($0) },
          status: { log.takeStatus($0) }))
    } catch {
      throw .ended(reason: error.description, lastLines: "")
    }

    let readiness = await withTaskGroup(of: Void.self) { group in
      group.addTask {
        _ = await child.endUnlessCancelled()
        log.decide(.ended)
      }
      group.addTask {
        try? await Task.sleep(for: .seconds(plan.startTimeoutSeconds))
        if !Task.isCancelled { log.decide(.late) }
      }
      if case .polled(let baseURL, let path) = plan.readiness {
        Self.poll(baseURL, path, below: child.processID, log)
      }
      let readiness = await log.readiness()
      group.cancelAll()
      return readiness
    }

    if case .ready(let baseURL) = readiness, !Task.isCancelled, let processID = log.report.engineProcessID {
      return EngineProcess(
        baseURL: baseURL, loadSeconds: Double(monotonicNanoseconds() - started) * 1e-9, processID: processID,
        child: child, log: log, memoryLimitBytes: memoryLimitBytes,
        graceSeconds: plan.stopGraceSeconds + guardSeconds)
    }
    // An engine that is still up is on its way down from here, whatever the reason; its report tells the rest.
    let hadEnded = child.ending != nil
    await Self.end(child, log, graceSeconds: plan.stopGraceSeconds + guardSeconds)
    if readiness == .late { throw .startTimedOut(afterSeconds: plan.startTimeoutSeconds) }
    if !hadEnded, Task.isCancelled { throw .cancelled }
    throw Self.failure(child, log, memoryLimitBytes)
      ?? .ended(reason: "the engine ended before it was ready", lastLines: log.text)
  }

  private init(
    baseURL: String, loadSeconds: Double, processID: Int32, child: ChildProcess, log: EngineLog, memoryLimitBytes: Int?,
    graceSeconds: Double
  ) {
    self.baseURL = baseURL
    self.loadSeconds = loadSeconds
    self.processID = processID
    self.child = child
    self.log = log
    self.memoryLimitBytes = memoryLimitBytes
    self.graceSeconds = graceSeconds
  }

  /// An engine that nobody holds any more is ended, so that a forgotten `stop` costs no memory; call `stop` to know when.
  deinit { child.terminate(graceSeconds: graceSeconds) }

  /// CPU time of all its processes since the start; after its end the final figure. Never falls.
  public func cpuSeconds() -> Double {
    let live = log.report.end?.cpuSeconds ?? tree().cpuSeconds()
    cpuSoFar = max(cpuSoFar, live)
    return cpuSoFar
  }

  /// Most resident memory of all its processes together since the start. Never falls.
  public func peakMemoryBytes() -> Int {
    let live = log.report.end?.peakMemoryBytes ?? tree().peakMemoryBytes()
    peakSoFar = max(peakSoFar, live)
    return peakSoFar
  }

  /// What all its processes have of GPUs' memory now; nil where they have none or that cannot be seen.
  public func acceleratorMemoryBytes() -> Int? { AcceleratorMemory.here?.bytes(of: Set(tree().descendants)) }

  private func tree() -> ProcessTree {
    let now = monotonicNanoseconds()
    if let processes, now - processes.at < Self.processesNanoseconds { return processes.tree }
    let tree = ProcessTree(below: child.processID)
    processes = (tree, now)
    return tree
  }

  /// How it ended by itself; nil while it runs and when we stopped it.
  public var ending: EngineFailure? { wasStopped ? nil : Self.failure(child, log, memoryLimitBytes) }

  public var isRunning: Bool { child.ending == nil }

  /// The last lines it wrote, at most `LogTail.lineLimit`.
  public nonisolated var lastLines: String { log.text }

  /// Ends it: SIGTERM, and after the plan's grace SIGKILL, to all its processes. Returns once none is left, also when the
  /// calling task is cancelled.
  @discardableResult
  public func stop() async -> EngineUsage {
    if child.ending == nil { wasStopped = true }
    await Self.end(child, log, graceSeconds: graceSeconds)
    return EngineUsage(cpuSeconds: cpuSeconds(), peakMemoryBytes: peakMemoryBytes())
  }

  /// Waits until it has ended. Nil when we stopped it, and when the waiting task is cancelled first.
  public func exit() async -> EngineFailure? {
    guard await child.endUnlessCancelled() != nil else { return nil }
    return ending
  }

  private static func end(_ child: ChildProcess, _ log: EngineLog, graceSeconds: Double) async {
    child.terminate(graceSeconds: graceSeconds)
    _ = await child.end()
    // Only a guard that was itself killed leaves no report; its engine went by the parent-death signal, and this is
    // for the rest of its group.
    if log.report.end == nil, let group = log.report.engineProcessID { kill(-group, SIGKILL) }
  }

  private static func failure(_ child: ChildProcess, _ log: EngineLog, _ limit: Int?) -> EngineFailure? {
    guard let ending = child.ending else { return nil }
    guard let end = log.report.end else {
      // Without its report the guard's status still says how the engine ended (Sources/EngineGuard/main.c).
      if case .exited(let status) = ending, status > 128 {
        return .ended(reason: "the engine was ended by \(signalName(status - 128))", lastLines: log.text)
      }
      return .ended(reason: "the engine's guard \(ending)", lastLines: log.text)
    }
    let hard = log.report.hardLimit
    if end.how != .stopped, hard?.makesAllocationsFail == true, LackOfMemory.isNamed(in: log.text) {
      return .outOfMemory(detail: detail(end, limit, hard))
    }
    switch end.how {
    case .stopped: return nil
    case .exited: return .ended(reason: "the engine exited with status \(end.code)", lastLines: log.text)
    case .signalled: return .ended(reason: "the engine was ended by \(signalName(end.code))", lastLines: log.text)
    case .outOfMemory:
      return .outOfMemory(detail: detail(end, limit, hard))
    }
  }

  private static func detail(_ end: GuardReport.End, _ limit: Int?, _ hard: GuardReport.HardLimit?) -> String {
    let had = "\(end.peakMemoryBytes >> 20) MiB resident"
    // Ended below its limit: by its control group, which does not wait for the guard to look, or else by the system.
    let isSystem = end.how == .outOfMemory && end.peakMemoryBytes <= limit ?? .max && hard?.endsEngines != true
    guard let limit, !isSystem else {
      return "the system had no more memory and ended the engine, which had \(had)"
    }
    let held = hard.map { "\($0.kind) at \($0.bytes >> 20) MiB" } ?? "watched"
    return "the engine had \(had), its limit is \(limit >> 20) MiB (\(held))"
  }

  /// Asks on a thread of its own until the engine is ready or nobody waits any more. An answer from a server that had the
  /// port before does not count: the engine is about to end for that.
  private static func poll(_ baseURL: String, _ path: String, below guardID: Int32, _ log: EngineLog) {
    guard let probe = ReadinessProbe(baseURL: baseURL, path: path) else {
      preconditionFailure("an adapter polls http://ADDRESS:PORT, not \(baseURL)")
    }
    do throws(ApusError) {
      try startThread {
        while !log.isDecided {
          if probe.answersOK() {
            let holders = ListeningProcess.holders(of: probe.port)
            let isAnothers = !holders.isEmpty && holders.isDisjoint(with: ProcessTree(below: guardID).descendants)
            if !isAnothers { log.answers(at: baseURL) }
          }
          usleep(50_000)
        }
      }
    } catch {
      log.takeError(error.description)
      log.decide(.ended)
    }
  }
}

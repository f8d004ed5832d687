import Glibc
public import Serving
import Synchronization

/// A process this one started: an engine's guard, a service of ours, the trainer.
///
/// One thread for each child reads its pipes, waits for its end and, after `terminate`, sends SIGKILL when the grace is
/// over. So `end()` always returns after `terminate`, whatever the child does. No descriptor of ours but the named
/// ones reaches the child.
public final class ChildProcess: Sendable {
  /// What is on the child's standard input.
  public enum Input: Sendable {
    /// `/dev/null`.
    case nothing
    /// A pipe that nobody writes to. It closes when this process dies, however it dies, and at `terminate`.
    case lifeline
  }

  /// Where a stream of the child goes.
  public enum Output: Sendable {
    /// Where ours goes.
    case inherited
    case discarded
    /// Appended to this file, which is made when it is not there.
    case file(String)
    /// Each line to this closure, on the child's own thread.
    case lines(@Sendable (String) -> Void)
  }

  /// How a child ended.
  public enum Ending: Hashable, Sendable, CustomStringConvertible {
    case exited(Int32)
    case signalled(Int32)

    public var isSuccess: Bool { self == .exited(0) }
    public var description: String {
      switch self {
      case .exited(let status): "exited with status \(status)"
      case .signalled(let signal): "was ended by \(signalName(signal))"
      }
    }
  }

  public struct Plan: Sendable {
    /// Executable first; found on PATH unless it has a slash.
    public var command: [String]
    /// Added to our own environment.
    public var environment: [String: String] = [:]
    public var input: Input = .nothing
    public var output: Output = .inherited
    public var error: Output = .inherited
    /// Lines the child writes to its descriptor 3; no such descriptor when nil.
    public var status: (@Sendable (String) -> Void)?

    public init(
      _ command: [String], environment: [String: String] = [:], input: Input = .nothing, output: Output = .inherited,
      error: Output = .inherited, status: (@Sendable (String) -> Void)? = nil
    ) {
      self.command = command
      self.environment = environment
      self.input = input
      self.output = output
      self.error = error
      self.status = status
    }

    /// The same command under `apus-engine-guard`, so that it and all it starts end with this process, even at
    /// kill -9. After SIGTERM they have `graceSeconds`.
    public func guarded(by guardPath: String, graceSeconds: Double = 2) -> Plan {
      var plan = self
      plan.command = [guardPath, "--grace", String(graceSeconds), "--"] + command
      plan.input = .lifeline
      return plan
    }
  }

  public let processID: Int32

  private struct State {
    var ending: Ending?
    var lifeline: Int32?
    /// Monotonic nanoseconds after which SIGKILL is sent.
    var killAt: UInt64?
    var waiters: [UInt64: CheckedContinuation<Ending?, Never>] = [:]
    var waiterCount: UInt64 = 0
  }
  private let state: Mutex<State>

  /// Starts the child.
  ///
  /// - Throws: `unavailable` when the command cannot be run, `disk` when an output file cannot be opened, `tryAgain`
  ///   when the system has no more processes or descriptors.
  public static func spawn(_ plan: Plan) throws(ApusError) -> ChildProcess {
    var descriptors = SpawnDescriptors()
    defer { descriptors.closeRest() }
    switch plan.input {
    case .nothing: try descriptors.connectToFile("/dev/null", O_RDONLY, as: 0)
    case .lifeline: try descriptors.connectLifeline()
    }
    if let status = plan.status { try descriptors.connect(.lines(status), as: 3) }
    try descriptors.connect(plan.output, as: 1)
    try descriptors.connect(plan.error, as: 2)
    let processID = try descriptors.spawn(plan.command, plan.environment)
    let (lifeline, readers) = descriptors.ourEnds
    let child = ChildProcess(processID: processID, lifeline: lifeline)
    do throws(ApusError) {
      try startThread { child.watch(readers) }
    } catch {
      kill(processID, SIGKILL)
      waitpid(processID, nil, 0)
      throw error
    }
    descriptors.leaveOurEndsOpen()
    return child
  }

  private init(processID: Int32, lifeline: Int32?) {
    self.processID = processID
    state = Mutex(State(lifeline: lifeline))
  }

  /// Nil while it runs.
  public var ending: Ending? { state.withLock { $0.ending } }

  /// Sends a signal, unless the child has ended: its number may be another process's by then.
  public func send(signal: Int32) {
    state.withLock { if $0.ending == nil { kill(processID, signal) } }
  }

  /// Asks the child to end, and ends it after the grace: closes its lifeline, or sends SIGTERM when it has none;
  /// SIGKILL once `graceSeconds` are over. Returns at once; `end()` tells when it is done.
  public func terminate(graceSeconds: Double = 5) {
    state.withLock { state in
      guard state.ending == nil else { return }
      if let lifeline = state.lifeline {
        close(lifeline)
        state.lifeline = nil
      } else if state.killAt == nil {
        kill(processID, SIGTERM)
      }
      let killAt = monotonicNanoseconds() + UInt64(max(0, graceSeconds) * 1e9)
      state.killAt = min(state.killAt ?? .max, killAt)
    }
  }

  /// Waits until the child has ended and all its lines were handed out. Not cut short by cancellation, so that a
  /// cancelled task can still clean up.
  public func end() async -> Ending {
    let ending = await withCheckedContinuation { addWaiter($0) }
    guard let ending else { preconditionFailure("only a cancelled waiter gets no ending") }
    return ending
  }

  /// The same, but nil as soon as the waiting task is cancelled.
  public func endUnlessCancelled() async -> Ending? {
    let id = state.withLock { state in
      state.waiterCount += 1
      return state.waiterCount
    }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { addWaiter($0, id: id, isCancellable: true) }
    } onCancel: {
      state.withLock { $0.waiters.removeValue(forKey: id) }?.resume(returning: nil)
    }
  }

  private func addWaiter(
    _ waiter: CheckedContinuation<Ending?, Never>, id: UInt64? = nil, isCancellable: Bool = false
  ) {
    let answer: Ending?? = state.withLock { state in
      if let ending = state.ending { return .some(ending) }
      // A cancellation that came before the waiter was registered found nothing to resume.
      if isCancellable && Task.isCancelled { return .some(nil) }
      if id == nil { state.waiterCount += 1 }
      state.waiters[id ?? state.waiterCount] = waiter
      return .none
    }
    if let answer { waiter.resume(returning: answer) }
  }

  /// The body of the child's thread.
  private func watch(_ readers: [PipeReader]) {
    var readers = readers
    var isOver = false
    while !isOver {
      readers.waitForInput(milliseconds: readers.isEmpty ? 10 : 100)
      readers.removeAll { !$0.readAvailable() }
      // The number is freed only under the lock, so that no signal of ours can reach a stranger.
      isOver = state.withLock { state in
        if let killAt = state.killAt, monotonicNanoseconds() >= killAt { kill(processID, SIGKILL) }
        var information = siginfo_t()
        return waitid(P_PID, id_t(processID), &information, WEXITED | WNOHANG | WNOWAIT) == 0
          && information._sifields._sigchld.si_pid == processID
      }
    }
    // What it wrote last is still in the pipes. A grandchild may hold them open for ever: read only what is there.
    for reader in readers {
      _ = reader.readAvailable()
      reader.finish()
    }
    let (waiters, ending) = state.withLock { state in
      var status: Int32 = 0
      while waitpid(processID, &status, 0) < 0 && errno == EINTR {}
      let signal = status & 0x7F
      let ending: Ending = signal == 0 ? .exited((status >> 8) & 0xFF) : .signalled(signal)
      state.ending = ending
      if let lifeline = state.lifeline { close(lifeline) }
      state.lifeline = nil
      defer { state.waiters = [:] }
      return (Array(state.waiters.values), ending)
    }
    for waiter in waiters { waiter.resume(returning: ending) }
  }
}

/// `SIGSEGV (11)`: the name for the signals that end processes.
func signalName(_ signal: Int32) -> String {
  let names = [
    SIGHUP: "SIGHUP", SIGINT: "SIGINT", SIGILL: "SIGILL", SIGTRAP: "SIGTRAP", SIGABRT: "SIGABRT", SIGBUS: "SIGBUS",
    SIGFPE: "SIGFPE", SIGKILL: "SIGKILL", SIGSEGV: "SIGSEGV", SIGPIPE: "SIGPIPE", SIGTERM: "SIGTERM",
  ]
  return names[signal].map { "\($0) (\(signal))" } ?? "signal \(signal)"
}

func monotonicNanoseconds() -> UInt64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

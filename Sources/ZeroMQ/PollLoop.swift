import CZeroMQ
import Glibc
import Synchronization

/// One thread that waits for sockets *and* runs the jobs of every actor that names it as its executor.
///
/// An actor on this executor may be called straight from a socket's handler with `assumeIsolated`, so a message is
/// decoded, decided on and answered without a change of thread. Changing it for each message costs about ten times the
/// CPU of handling one (measured at 16 peers with 8 messages in flight each).
///
/// The thread ends when nobody refers to the loop any more. Actors keep their loop alive by storing it.
public final class PollLoop: SerialExecutor {
  /// Names a watched socket.
  public struct Registration: Hashable, Sendable { let number: UInt64 }

  /// What a socket is ready for.
  public struct Readiness: OptionSet, Sendable {
    public let rawValue: Int16
    public init(rawValue: Int16) { self.rawValue = rawValue }
    public static let input = Readiness(rawValue: Int16(ZMQ_POLLIN))
    public static let output = Readiness(rawValue: Int16(ZMQ_POLLOUT))
  }

  private let core: PollCore

  /// - Parameters:
  ///   - name: shown by ps and debuggers, at most 15 bytes.
  ///   - jobBudget: most jobs run before the sockets are looked at again, so that neither starves the other.
  public init(name: String, jobBudget: Int = 256) {
    core = PollCore(name: name, jobBudget: jobBudget)
    core.owner = self
    core.startThread()
  }

  deinit { core.wake() }

  // MARK: Any thread

  public func enqueue(_ job: consuming ExecutorJob) { core.append(.job(UnownedJob(job))) }

  /// Runs `work` on the loop's thread, after everything that was handed over before.
  public func execute(_ work: @escaping @Sendable () -> Void) { core.append(.closure(work)) }

  public var isOnLoop: Bool { core.isOnLoop }

  public func checkIsolated() { precondition(core.isOnLoop, "not on the thread of its poll loop") }
  public func isIsolatingCurrentContext() -> Bool? { core.isOnLoop }

  // MARK: On the loop only

  /// Calls `handler` on the loop whenever the socket is ready for what `interest` names, until `remove`.
  ///
  /// The handler must read until nothing is left or its own budget is spent; it is called again while there is more.
  public func add(
    _ socket: borrowing Socket, for interest: Readiness, _ handler: @escaping (Readiness) -> Void
  ) -> Registration {
    checkIsolated()
    return core.add(socket.raw, interest, handler)
  }

  public func setInterest(_ interest: Readiness, of registration: Registration) {
    checkIsolated()
    core.setInterest(interest, of: registration)
  }

  /// Runs `work` once, when the sockets and jobs of this turn have been seen to and before the loop waits again. Work
  /// that asks for the next turn while it runs has it some milliseconds later, if nothing happens before.
  public func atTurnEnd(_ work: @escaping () -> Void) {
    checkIsolated()
    core.atTurnEnd(work)
  }

  /// Must come before the socket is closed.
  public func remove(_ registration: Registration) {
    checkIsolated()
    core.remove(registration)
  }
}

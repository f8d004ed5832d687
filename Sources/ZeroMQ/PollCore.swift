import CZeroMQ
import Glibc
import Synchronization

/// The state of a poll loop's thread. Separate from `PollLoop`, so that the thread does not keep its loop alive.
///
/// Unchecked: `inbox` and `threadID` are safe by themselves; `owner` and `name` are set before the thread starts,
/// `owner` being a weak reference, whose reads are atomic; everything else is touched on the thread only.
final class PollCore: @unchecked Sendable {
  enum Work {
    case job(UnownedJob)
    case closure(@Sendable () -> Void)
  }

  private struct Inbox {
    var work: [Work] = []
    /// Whether the thread has been woken, or is awake, and will look into the inbox.
    var isSignalled = false
  }

  private struct Watched {
    var registration: PollLoop.Registration
    var handler: (PollLoop.Readiness) -> Void
  }

  weak var owner: PollLoop?
  private let name: String
  private let jobBudget: Int
  private let inbox = Mutex(Inbox())
  private let threadID = Atomic<UInt>(0)
  private let wakeUp: Int32

  /// Entry 0 is the eventfd; entry n + 1 belongs to `watched[n]`.
  private var items: [zmq_pollitem_t] = []
  private var watched: [Watched] = []
  private var lastNumber: UInt64 = 0
  /// Work taken from the inbox, of which `backlog[..<nextInBacklog]` is done.
  private var backlog: [Work] = []
  private var nextInBacklog = 0
  private var endingWork: [() -> Void] = []
  /// Most milliseconds that work which asked for another turn waits for it.
  private static let longestWaitMS = 10

  init(name: String, jobBudget: Int) {
    precondition(jobBudget > 0, "a poll loop without a job budget never runs a job")
    self.name = name
    self.jobBudget = jobBudget
    wakeUp = apus_eventfd()
    precondition(wakeUp >= 0, "eventfd failed with error \(errno): too many open files?")
    items.append(zmq_pollitem_t(socket: nil, fd: wakeUp, events: Int16(ZMQ_POLLIN), revents: 0))
  }

  deinit { close(wakeUp) }

  var isOnLoop: Bool { threadID.load(ordering: .relaxed) == UInt(pthread_self()) }

  func startThread() {
    var thread = pthread_t()
    let result = pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        let core = Unmanaged<PollCore>.fromOpaque(argument).takeRetainedValue()
        apus_name_thread(core.name)
        core.threadID.store(UInt(pthread_self()), ordering: .relaxed)
        core.run()
        return nil
      }, Unmanaged.passRetained(self).toOpaque())
    precondition(result == 0, "pthread_create failed with error \(result)")
    pthread_detach(thread)
  }

  func wake() { apus_eventfd_signal(wakeUp) }

  func append(_ work: Work) {
    let mustWake = inbox.withLock { inbox in
      inbox.work.append(work)
      defer { inbox.isSignalled = true }
      return !inbox.isSignalled
    }
    if mustWake && !isOnLoop { wake() }
  }

  // MARK: On the thread

  func add(
    _ socket: UnsafeMutableRawPointer, _ interest: PollLoop.Readiness, _ handler: @escaping (PollLoop.Readiness) -> Void
  ) -> PollLoop.Registration {
    lastNumber += 1
    let registration = PollLoop.Registration(number: lastNumber)
    items.append(zmq_pollitem_t(socket: socket, fd: 0, events: interest.rawValue, revents: 0))
    watched.append(Watched(registration: registration, handler: handler))
    return registration
  }

  func setInterest(_ interest: PollLoop.Readiness, of registration: PollLoop.Registration) {
    guard let index = watched.firstIndex(where: { $0.registration == registration }) else { return }
    items[index + 1].events = interest.rawValue
  }

  func remove(_ registration: PollLoop.Registration) {
    guard let index = watched.firstIndex(where: { $0.registration == registration }) else { return }
    watched.remove(at: index)
    items.remove(at: index + 1)
  }

  func atTurnEnd(_ work: @escaping () -> Void) { endingWork.append(work) }

  private func run() {
    var ready: [(PollLoop.Registration, PollLoop.Readiness)] = []
    while true {
      wait()
      // Held for one turn: a job may let go of the last other reference to the loop it runs on.
      guard let loop = owner else { break }
      ready.removeAll(keepingCapacity: true)
      for index in watched.indices where items[index + 1].revents != 0 {
        ready.append((watched[index].registration, PollLoop.Readiness(rawValue: items[index + 1].revents)))
      }
      // By registration and not by index: a handler may add and remove sockets.
      for (registration, readiness) in ready {
        if let entry = watched.first(where: { $0.registration == registration }) { entry.handler(readiness) }
      }
      runJobs(on: loop)
      endTurn()
    }
    // Without an owner there are no actors left, so there are no jobs; closures still close what they were given.
    repeat {
      while let work = nextWork() { if case .closure(let closure) = work { closure() } }
      takeInbox()
    } while nextInBacklog < backlog.count
  }

  private func wait() {
    // `isSignalled` is true exactly while the inbox has work that nobody will announce again.
    let hasWork = nextInBacklog < backlog.count || inbox.withLock { $0.isSignalled }
    let count = items.withUnsafeMutableBufferPointer {
      zmq_poll($0.baseAddress, Int32($0.count), hasWork ? 0 : endingWork.isEmpty ? -1 : Self.longestWaitMS)
    }
    if count < 0 {
      // Another code means a socket was closed while it was watched: a bug that must not spin.
      precondition(zmq_errno() == EINTR, "\(ZeroMQError.last("zmq_poll"))")
      for index in items.indices { items[index].revents = 0 }
    }
    if items[0].revents != 0 { apus_eventfd_drain(wakeUp) }
  }

  private func runJobs(on loop: PollLoop) {
    let executor = loop.asUnownedSerialExecutor()
    if nextInBacklog == backlog.count { takeInbox() }
    var budget = jobBudget
    while budget > 0, let work = nextWork() {
      budget -= 1
      switch work {
      case .job(let job): job.runSynchronously(on: executor)
      case .closure(let closure): closure()
      }
      if nextInBacklog == backlog.count { takeInbox() }
    }
  }

  private func endTurn() {
    guard !endingWork.isEmpty else { return }
    let work = endingWork
    endingWork = []
    for closure in work { closure() }
  }

  private func nextWork() -> Work? {
    guard nextInBacklog < backlog.count else { return nil }
    defer { nextInBacklog += 1 }
    return backlog[nextInBacklog]
  }

  private func takeInbox() {
    backlog.removeAll(keepingCapacity: true)
    nextInBacklog = 0
    inbox.withLock { inbox in
      swap(&inbox.work, &backlog)
      inbox.isSignalled = false
    }
  }
}

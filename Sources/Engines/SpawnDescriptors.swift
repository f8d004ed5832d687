import FoundationEssentials
import Glibc
import Serving
import Synchronization

/// The descriptors one child starts with, and `posix_spawn` with exactly those.
///
/// Every descriptor is close-on-exec in this process, so that no child holds another's lifeline open.
struct SpawnDescriptors {
  /// Held while a pipe is not close-on-exec yet, and while a child is started: Swift's Glibc has no `pipe2`.
  private static let spawning = Mutex(())
  /// Child ends live at or above this number, so that putting one in its place never overwrites another.
  private static let lowestDescriptor: Int32 = 16

  /// Our end of the child's standard input, when that is a lifeline.
  private var lifeline: Int32?
  private var childEnds: [(descriptor: Int32, target: Int32)] = []
  private var readers: [PipeReader] = []

  mutating func connectToFile(_ path: String, _ flags: Int32, as target: Int32) throws(ApusError) {
    let descriptor = open(path, flags | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw ApusError(
        .disk, "cannot open \(path): \(systemMessage(errno))", advice: "Check the path and its permissions.")
    }
    childEnds.append((try Self.raised(descriptor), target))
  }

  mutating func connectLifeline() throws(ApusError) {
    let (reading, writing) = try Self.makePipe()
    childEnds.append((reading, 0))
    lifeline = writing
  }

  mutating func connect(_ output: ChildProcess.Output, as target: Int32) throws(ApusError) {
    switch output {
    case .inherited: break
    case .discarded: try connectToFile("/dev/null", O_WRONLY, as: target)
    case .file(let path): try connectToFile(path, O_WRONLY | O_APPEND | O_CREAT, as: target)
    case .lines(let handle):
      let (reading, writing) = try Self.makePipe()
      childEnds.append((writing, target))
      readers.append(PipeReader(reading, handle))
    }
  }

  var ourEnds: (lifeline: Int32?, readers: [PipeReader]) { (lifeline, readers) }

  /// Our ends are the child's thread's to close from now on.
  mutating func leaveOurEndsOpen() { (lifeline, readers) = (nil, []) }

  /// Closes the child's ends, and ours unless they were left open.
  mutating func closeRest() {
    for end in childEnds { close(end.descriptor) }
    for reader in readers { reader.finish() }
    if let lifeline { close(lifeline) }
    (childEnds, readers, lifeline) = ([], [], nil)
  }

  /// - Returns: the child's process number.
  func spawn(_ command: [String], _ environment: [String: String]) throws(ApusError) -> Int32 {
    precondition(!command.isEmpty, "a command has at least its executable")
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for descriptor in Self.inheritableDescriptors() { posix_spawn_file_actions_addclose(&actions, descriptor) }
    for end in childEnds { posix_spawn_file_actions_adddup2(&actions, end.descriptor, end.target) }

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // Signals blocked or ignored here (a service blocks SIGTERM to wait for it) are the child's as if started by a shell.
    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

    let merged = ProcessInfo.processInfo.environment.merging(environment) { _, added in added }
      .map { "\($0.key)=\($0.value)" }

    var processID: pid_t = 0
    let status = withCStrings(command) { arguments in
      withCStrings(merged) { variables in
        Self.spawning.withLock { _ in
          posix_spawnp(&processID, command[0], &actions, &attributes, arguments, variables)
        }
      }
    }
    guard status == 0 else {
      let isShortage = status == EAGAIN || status == ENOMEM
      throw ApusError(
        isShortage ? .tryAgain : .unavailable, "cannot run \(command[0]): \(systemMessage(status))",
        advice: isShortage
          ? "The system has no more processes or memory." : "Check that it is installed and executable.")
    }
    return processID
  }

  private static func makePipe() throws(ApusError) -> (reading: Int32, writing: Int32) {
    var ends: [Int32] = [-1, -1]
    let status = spawning.withLock { _ in
      let status = pipe(&ends)
      if status == 0 { for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) } }
      return status
    }
    guard status == 0 else { throw shortage(errno) }
    let reading: Int32
    do throws(ApusError) {
      reading = try raised(ends[0])
    } catch {
      close(ends[1])
      throw error
    }
    do throws(ApusError) {
      return (reading, try raised(ends[1]))
    } catch {
      close(reading)
      throw error
    }
  }

  /// The same open file at a number no child end is put to; the old number is closed.
  private static func raised(_ descriptor: Int32) throws(ApusError) -> Int32 {
    let raised = fcntl(descriptor, F_DUPFD_CLOEXEC, lowestDescriptor)
    let failure = errno
    close(descriptor)
    guard raised >= 0 else { throw shortage(failure) }
    return raised
  }

  private static func shortage(_ number: Int32) -> ApusError {
    ApusError(
      .tryAgain, "cannot open a pipe: \(systemMessage(number))", advice: "Raise the limit of open files (ulimit -n).")
  }

  /// Open descriptors that a library did not mark close-on-exec; standard ones aside.
  private static func inheritableDescriptors() -> [Int32] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    return names.compactMap { Int32($0) }.filter { descriptor in
      let flags = fcntl(descriptor, F_GETFD)
      return descriptor > 2 && flags >= 0 && flags & FD_CLOEXEC == 0
    }
  }
}

/// The C form of a list of strings: pointers with a null at the end.
private func withCStrings<Result>(
  _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
) -> Result {
  let copies = strings.map { strdup($0) }
  defer { for copy in copies { free(copy) } }
  return body(copies + [nil])
}

import Glibc
import Serving

/// Runs `work` on a thread of its own: for C calls that block, which must not hold one of the few threads that all
/// tasks share. The stack is 256 KiB, as `work` is expected to wait rather than to recurse.
///
/// - Throws: `tryAgain` when the system gives no more threads; `work` does not run then.
func startThread(_ work: @escaping @Sendable () -> Void) throws(ApusError) {
  var attributes = pthread_attr_t()
  pthread_attr_init(&attributes)
  defer { pthread_attr_destroy(&attributes) }
  pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
  pthread_attr_setstacksize(&attributes, 256 << 10)
  final class Start {
    let work: @Sendable () -> Void
    init(_ work: @escaping @Sendable () -> Void) { self.work = work }
  }
  let start = Unmanaged.passRetained(Start(work))
  var thread = pthread_t()
  let status = pthread_create(
    &thread, &attributes,
    { argument in
      Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue().work()
      return nil
    }, start.toOpaque())
  guard status == 0 else {
    start.release()
    throw ApusError(
      .tryAgain, "cannot start a thread: \(systemMessage(status))", advice: "Raise the limit of processes (ulimit -u).")
  }
}

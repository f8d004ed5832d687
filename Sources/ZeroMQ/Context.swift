import CZeroMQ
import Glibc

/// libzmq's threads and its name space for `inproc` addresses.
///
/// Each `Socket` keeps its context alive, because `zmq_ctx_term` waits until the last socket is closed and what it
/// still lingers for has left. Whoever lets go of the last reference waits for that, at most the sockets' linger
/// time.
public final class Context: @unchecked Sendable {
  // Sendable: libzmq documents contexts, and only contexts, as safe to use from any thread.
  let raw: UnsafeMutableRawPointer

  /// - Parameter ioThreads: threads that move bytes. One is enough below a gigabyte per second.
  public init(ioThreads: Int32 = 1) {
    guard let raw = zmq_ctx_new() else { preconditionFailure("zmq_ctx_new: \(ZeroMQError.last("zmq_ctx_new"))") }
    self.raw = raw
    zmq_ctx_set(raw, ZMQ_IO_THREADS, ioThreads)
  }

  deinit {
    while zmq_ctx_term(raw) != 0 && zmq_errno() == EINTR {}
  }
}

import Glibc
public import Serving

/// Ports of 127.0.0.1 for engines that must be given one.
public enum LoopbackPort {
  /// Not among those that the kernel gives to outgoing connections (32768 and up, `ip_local_port_range`): one of these may
  /// be taken again before the engine has it.
  static let range = 10_000..<32_768

  /// A port nobody listens on at this moment.
  ///
  /// - Throws: `tryAgain` when none of 64 drawn at random can be bound, or no socket be opened.
  public static func free() throws(ApusError) -> Int {
    var failure: Int32 = 0
    for _ in 0..<64 {
      let port = Int.random(in: range)
      let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
      guard descriptor >= 0 else {
        failure = errno
        break
      }
      defer { close(descriptor) }
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = in_port_t(port).bigEndian
      address.sin_addr.s_addr = inet_addr("127.0.0.1")
      let isBound = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
      }
      if isBound { return port }
      failure = errno
    }
    throw ApusError(
      .tryAgain, "no free port on 127.0.0.1: \(systemMessage(failure))",
      advice: "Look at the limits on open files and on local ports.")
  }
}

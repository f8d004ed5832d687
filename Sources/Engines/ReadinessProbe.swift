import Glibc

/// Asks `GET <base URL><path>` and looks at the status line only. For engines that do not announce themselves; one
/// request at a time, so a plain blocking socket on a thread of its own is enough.
struct ReadinessProbe: Sendable {
  let host: String
  let port: UInt16
  let path: String

  /// - Returns: nil unless the URL is `http://IPv4-address:port`, optionally with a path.
  init?(baseURL: String, path: String) {
    guard baseURL.hasPrefix("http://") else { return nil }
    let rest = baseURL.dropFirst("http://".count)
    let authority = rest.prefix { $0 != "/" }
    let halves = authority.split(separator: ":", maxSplits: 1)
    guard halves.count == 2, let port = UInt16(halves[1]), port > 0 else { return nil }
    host = halves[0] == "localhost" ? "127.0.0.1" : String(halves[0])
    self.port = port
    self.path = String(rest.dropFirst(authority.count)) + path
  }

  /// Blocks for at most about two seconds. True when the answer is 200.
  func answersOK() -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    var limit = timeval(tv_sec: 1, tv_usec: 0)
    let size = socklen_t(MemoryLayout<timeval>.size)
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)  // also limits connect(2)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    guard inet_pton(AF_INET, host, &address.sin_addr) == 1 else { return false }
    let connected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard connected == 0 else { return false }
    let request = Array("GET \(path) HTTP/1.1\r\nHost: \(host):\(port)\r\nConnection: close\r\n\r\n".utf8)
    guard send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else { return false }
    var answer = [UInt8](repeating: 0, count: 64)
    let count = recv(descriptor, &answer, answer.count, 0)
    let words = String(decoding: answer[..<max(0, count)], as: UTF8.self).split(separator: " ")
    return words.count > 1 && words[0].hasPrefix("HTTP/1.") && words[1] == "200"
  }
}

import Foundation

/// One HTTP request over a plain socket, answered by the whole text the server sent.
func httpGet(_ url: String) async throws -> String { try await http("GET", url, "") }
func httpPost(_ url: String, _ body: String) async throws -> String { try await http("POST", url, body) }

private struct NoAnswer: Error {}

@concurrent private func http(_ method: String, _ url: String, _ body: String) async throws -> String {
  let parts = url.dropFirst("http://".count).split(separator: "/", maxSplits: 1)
  let authority = parts[0].split(separator: ":")
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  defer { close(descriptor) }
  var limit = timeval(tv_sec: 300, tv_usec: 0)
  setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = UInt16(authority[1])!.bigEndian
  address.sin_addr.s_addr = inet_addr(String(authority[0]))
  let connected = withUnsafePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
    }
  }
  guard connected == 0 else { throw NoAnswer() }
  let request = Array(
    """
    \(method) /\(parts[1]) HTTP/1.1\r\nHost: \(parts[0])\r\nConnection: close\r\n\
    Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)
    """.utf8)
  guard send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else { throw NoAnswer() }
  var answer: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 16 << 10)
  while case let count = recv(descriptor, &buffer, buffer.count, 0), count > 0 { answer += buffer[..<count] }
  guard !answer.isEmpty else { throw NoAnswer() }
  return String(decoding: answer, as: UTF8.self)
}

import Foundation
import Synchronization

/// An HTTP server that answers every request with the bytes it was given, on a thread of its own: for answers no real
/// engine gives on purpose.
public final class CannedServer: Sendable {
  public enum End: Sendable {
    case close
    /// TCP reset, as from an engine that was killed.
    case reset
    /// The same once this holds, for at most a minute: a reset takes along what the client has not read by then.
    case resetOnce(@Sendable () -> Bool)
    /// Neither closes nor sends more until the client goes away.
    case hold
    /// Sends the last piece again and again until the client goes away.
    case repeatLast
  }

  public let baseURL: String
  private let listener: Int32
  private let requests = Mutex<[String]>([])

  /// What clients sent, headers and body.
  public var received: [String] { requests.withLock { $0 } }

  public typealias Answer = (pieces: [String], end: End)

  /// - Parameter answers: one for each connection; the last one is repeated.
  public convenience init(_ answers: [Answer]) {
    let next = Mutex(0)
    self.init { _ in
      let index = next.withLock { index in
        defer { index += 1 }
        return index
      }
      return answers[min(index, answers.count - 1)]
    }
  }

  /// - Parameter answer: what to say to a request, headers and body.
  public init(answering answer: @escaping @Sendable (String) -> Answer) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        precondition(bind(descriptor, $0, length) == 0 && listen(descriptor, 16) == 0, "no port for a test server")
        getsockname(descriptor, $0, &length)
      }
    }
    listener = descriptor
    baseURL = "http://127.0.0.1:\(UInt16(bigEndian: address.sin_port))"
    Thread.detachNewThread { [weak self] in
      while case let connection = accept(descriptor, nil, nil), connection >= 0 {
        let request = Self.readRequest(connection)
        let answer = answer(request)
        self?.requests.withLock { $0.append(request) }
        for piece in answer.pieces { send(connection, piece, piece.utf8.count, Int32(MSG_NOSIGNAL)) }
        switch answer.end {
        case .close: break
        case .reset:
          // As a rule what came before has been read by then.
          usleep(20_000)
          Self.resetAtClose(connection)
        case .resetOnce(let isTime):
          var waits = 0
          while !isTime(), waits < 60_000 {
            usleep(1_000)
            waits += 1
          }
          Self.resetAtClose(connection)
        case .hold:
          var byte: UInt8 = 0
          _ = recv(connection, &byte, 1, 0)
        case .repeatLast:
          let piece = answer.pieces.last ?? "\n"
          while send(connection, piece, piece.utf8.count, Int32(MSG_NOSIGNAL)) > 0 {}
        }
        close(connection)
      }
      close(descriptor)
    }
  }

  public convenience init(_ pieces: String..., end: End = .close) { self.init([(pieces, end)]) }

  /// Ends the thread's `accept`. The thread closes the socket: closed here, its number could be another server's by the
  /// time the thread accepts again.
  deinit { shutdown(listener, Int32(SHUT_RDWR)) }

  private static func resetAtClose(_ connection: Int32) {
    var linger = linger(l_onoff: 1, l_linger: 0)
    setsockopt(connection, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
  }

  private static func readRequest(_ connection: Int32) -> String {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while case let count = recv(connection, &buffer, buffer.count, 0), count > 0 {
      bytes += buffer[..<count]
      let text = String(decoding: bytes, as: UTF8.self)
      guard let headEnd = text.range(of: "\r\n\r\n") else { continue }
      let length = text.lowercased().firstMatch(of: /content-length: (\d+)/).flatMap { Int($0.1) } ?? 0
      if text[headEnd.upperBound...].utf8.count >= length { return text }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// Answers as an engine would write them.
public enum Canned {
  public static let streamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"

  public static func event(_ json: String) -> String { "data: \(json)\n\n" }

  public static func json(_ status: String, _ body: String) -> String {
    "HTTP/1.1 \(status)\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n"
      + "Connection: close\r\n\r\n\(body)"
  }
}

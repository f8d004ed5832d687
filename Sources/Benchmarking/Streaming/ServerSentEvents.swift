/// Cuts a stream of bytes into the payloads of server-sent events (WHATWG HTML, section 9.2), with a limit on a line.
///
/// Engines send each event as one `data:` line, so a line is an event; comment lines (keep-alive pings) and other fields
/// are skipped.
package struct ServerSentEvents {
  /// Longest line in bytes.
  private let lineLimitBytes: Int
  /// The beginning of a line whose end has not come.
  private var pending: [UInt8] = []

  package init(lineLimitBytes: Int) { self.lineLimitBytes = lineLimitBytes }

  /// Takes the next bytes and calls `onPayload` for each event that they complete, in order.
  ///
  /// - Throws: `tooLong` once a line, complete or not, is over the limit, and whatever `onPayload` throws.
  package mutating func append(
    _ bytes: some Sequence<UInt8>, onPayload: (ArraySlice<UInt8>) throws(RequestFailure) -> Void
  ) throws(RequestFailure) {
    // What is pending has no end of line in it, so only the new bytes are searched.
    var searched = pending.count
    pending.append(contentsOf: bytes)
    var lineStart = 0
    while let end = pending[searched...].firstIndex(of: UInt8(ascii: "\n")) {
      guard end - lineStart <= lineLimitBytes else { throw .tooLong(limitBytes: lineLimitBytes) }
      if let payload = Self.payload(of: pending[lineStart..<end]) { try onPayload(payload) }
      lineStart = end + 1
      searched = lineStart
    }
    pending.removeFirst(lineStart)
    guard pending.count <= lineLimitBytes else { throw .tooLong(limitBytes: lineLimitBytes) }
  }

  /// What stands after `data:`; nil for an empty line, a comment or another field.
  private static func payload(of line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    guard line.starts(with: "data:".utf8) else { return nil }
    var payload = line.dropFirst("data:".utf8.count)
    if payload.first == UInt8(ascii: " ") { payload.removeFirst() }
    if payload.last == UInt8(ascii: "\r") { payload.removeLast() }
    return payload
  }
}

public import NIOCore

/// Cuts a stream of bytes into the payloads of server-sent events (WHATWG HTML, section 9.2), with a limit on a line.
///
/// Engines send each event as one `data:` line, so a line is an event; comment lines (keep-alive pings) and other fields
/// are skipped. llama.cpp reports a failure in the middle of a stream as an `error:` line, which is handed on alike.
public struct ServerSentEvents: Sendable {
  /// Longest line in bytes. The last event of llama.cpp repeats the prompt's text when it is not asked to leave it out.
  public let lineLimitBytes: Int
  private var pending = ByteBuffer()

  public init(lineLimitBytes: Int = 8 << 20) { self.lineLimitBytes = lineLimitBytes }

  /// Takes the next bytes and calls `onPayload` for each event that they complete, in order.
  ///
  /// - Throws: `tooLong` once a line, complete or not, is over the limit, and whatever `onPayload` throws.
  public mutating func append(
    _ bytes: ByteBuffer, onPayload: (ByteBuffer) throws(RequestFailure) -> Void
  ) throws(RequestFailure) {
    // Only the new bytes can hold the end of the first line.
    var searched = pending.readableBytes
    if searched == 0 { pending = bytes } else { pending.writeImmutableBuffer(bytes) }
    while true {
      let view = pending.readableBytesView
      guard let end = view.dropFirst(searched).firstIndex(of: UInt8(ascii: "\n")) else { break }
      searched = 0
      let length = end - view.startIndex
      guard length <= lineLimitBytes else { throw .tooLong(limitBytes: lineLimitBytes) }
      var line = pending.readSlice(length: length)!
      pending.moveReaderIndex(forwardBy: 1)
      if let payload = Self.payload(of: &line) { try onPayload(payload) }
    }
    guard pending.readableBytes <= lineLimitBytes else { throw .tooLong(limitBytes: lineLimitBytes) }
    pending.discardReadBytes()
  }

  /// What stands after `data:` or `error:`; nil for an empty line, a comment or another field.
  private static func payload(of line: inout ByteBuffer) -> ByteBuffer? {
    for field in ["data:", "error:"] where line.readableBytesView.starts(with: field.utf8) {
      line.moveReaderIndex(forwardBy: field.utf8.count)
      if line.readableBytesView.first == UInt8(ascii: " ") { line.moveReaderIndex(forwardBy: 1) }
      if line.readableBytesView.last == UInt8(ascii: "\r") { line.moveWriterIndex(to: line.writerIndex - 1) }
      return line
    }
    return nil
  }
}

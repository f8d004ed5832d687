public import ZeroMQ

/// Answers libzmq's question, for each connection, whether its key is let in (ZAP 1.0, RFC 27).
///
/// libzmq asks over an address inside the context, so each server socket's context has its own. Lives on the server's loop.
public final class Authenticator {
  /// libzmq looks for the authenticator here.
  private static let address = "inproc://zeromq.zap.01"

  /// Has a question to answer when it is readable.
  public let socket: Socket
  private let admits: (String) -> Bool
  private let onRefusal: () -> Void

  /// Must be there before the server binds: connections made earlier would be refused.
  ///
  /// - Parameter admits: whether a public key (Z85) is let in.
  public init(
    in context: Context, admits: @escaping (String) -> Bool, onRefusal: @escaping () -> Void
  ) throws(ZeroMQError) {
    self.admits = admits
    self.onRefusal = onRefusal
    socket = try Socket(.reply, in: context, options: [.linger(milliseconds: 0)])
    try socket.bind(Self.address)
  }

  /// Answers every question that waits.
  public func answerAll() {
    do {
      while let question = try nextQuestion() { try answer(question) }
    } catch {
      preconditionFailure("the authenticator's socket failed: \(error)")
    }
  }

  /// Frames: version, request id, domain, address, identity, mechanism, credentials.
  private func nextQuestion() throws(ZeroMQError) -> [[UInt8]]? {
    var frame = Frame()
    guard try socket.receive(into: &frame) else { return nil }
    var frames = [frame.bytes()]
    while frame.hasMore, try socket.receive(into: &frame) { frames.append(frame.bytes()) }
    return frames
  }

  private func answer(_ question: [[UInt8]]) throws(ZeroMQError) {
    var key: String?
    if question.count == 7, question[0] == Array("1.0".utf8), question[5] == Array("CURVE".utf8),
      question[6].count == 32, let presented = Z85.encode(question[6]), admits(presented)
    {
      key = presented
    }
    if key == nil { onRefusal() }
    let answer = [
      "1.0", question.count > 1 ? nil : "", key == nil ? "400" : "200", key == nil ? "the key is not let in" : "OK",
      // Each message of the connection carries this: who a peer is follows from its key, looked up anew.
      key ?? "", "",
    ]
    for (index, part) in answer.enumerated() {
      var frame = Frame(copying: part.map { Array($0.utf8) } ?? question[1])
      // A reply socket always takes the answer to the question it just gave.
      _ = try socket.send(&frame, more: index < answer.count - 1)
    }
  }
}

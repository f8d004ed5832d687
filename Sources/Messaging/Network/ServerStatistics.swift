/// What a server endpoint turned away since it was made. Each was answered; none was delivered.
public struct ServerStatistics: Hashable, Sendable {
  /// Connections whose key is not let in.
  public var refusedHandshakeCount = 0
  /// Frames that are no valid message.
  public var undecodableCount = 0
  /// Messages of a revoked key, or of a kind the peer's role may not send.
  public var refusedMessageCount = 0
  /// Messages of ours that could not be encoded, such as a list larger than 4 MiB.
  public var unencodableCount = 0
  /// Times a message was not taken because a peer's queue was at its limit.
  public var fullCount = 0
}

/// How a worker or a client reaches its coordinator.
public struct ZeroMQClientOptions: Sendable {
  /// `tcp://HOST:PORT`.
  public var address: String
  /// Who this node is.
  public var keys: KeyPair
  /// The coordinator's public key, 40 characters. Another coordinator cannot pretend to be it.
  public var serverKey: String
  /// Most messages that wait to leave, and most that wait to be read.
  public var queueLimit = 256
  /// Most bytes that wait to leave, give or take one message.
  public var queueBytes = 16 << 20
  /// The pause before connecting again; it doubles from the first figure to the second.
  public var firstReconnectMS: Int32 = 100
  public var mostReconnectMS: Int32 = 2_000
  public var heartbeatIntervalMS: Int32 = 5_000
  public var heartbeatTimeoutMS: Int32 = 15_000
  /// How long queued messages may take to leave after `close`.
  public var lingerMS: Int32 = 1_000

  public init(address: String, keys: KeyPair, serverKey: String) {
    self.address = address
    self.keys = keys
    self.serverKey = serverKey
  }
}

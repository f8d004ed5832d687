/// How a coordinator listens.
public struct ServerOptions: Sendable {
  /// `tcp://HOST:PORT`; port 0 or `*` lets the system choose.
  public var address: String
  /// The coordinator's own pair. Peers must know its public key.
  public var keys: KeyPair
  /// Who is let in. An empty directory lets nobody in.
  public var authorized: AuthorizedKeys
  /// Most messages queued for each peer. A peer that does not read is `full` after these.
  public var queueLimit = 256
  /// Most messages of each peer that wait to be taken; a peer that sends more has to wait. Times 4 MiB, this bounds
  /// what one peer can make the coordinator hold.
  public var receiveLimit = 64
  /// Most messages taken before the executor's jobs get a turn.
  public var drainBudget = 256
  /// Connections that are remembered. Above this the ones silent for longest are forgotten and count as gone.
  public var connectionLimit = 16_384
  /// A connection whose other end does not answer a ping for `heartbeatTimeoutMS` is closed.
  public var heartbeatIntervalMS: Int32 = 5_000
  public var heartbeatTimeoutMS: Int32 = 15_000
  /// How long `stop` may wait for queued messages to leave.
  public var lingerMS: Int32 = 1_000

  public init(address: String, keys: KeyPair, authorized: AuthorizedKeys) {
    self.address = address
    self.keys = keys
    self.authorized = authorized
  }
}

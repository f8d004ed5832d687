import ZeroMQ

/// Who is at the other end of each connection, and whether they still are let in.
///
/// The name and role of a peer come from the key its connection was opened with, never from what the peer says. The
/// table remembers them under a number that changes with the authorized keys, so an unchanged peer costs one look.
struct PeerTable {
  struct Connection {
    var peer: Peer
    /// The public key as libzmq gives it with each message.
    var key: [UInt8]
    /// `AuthorizedKeys.generation` when `peer` was right.
    var generation: Int
    var lastUse: UInt64

    /// The peer, if it is still right under these authorized keys. Changes in place: a copy would be counted.
    mutating func peer(_ generation: Int, at use: UInt64, isKey: ([UInt8]) -> Bool) -> Peer? {
      guard self.generation == generation, isKey(key) else { return nil }
      lastUse = use
      return peer
    }
  }

  private let authorized: AuthorizedKeys
  private let limit: Int
  private var connections: [UInt32: Connection] = [:]
  private var uses: UInt64 = 0

  init(authorized: AuthorizedKeys, limit: Int) {
    self.authorized = authorized
    self.limit = limit
  }

  /// The number in a routing id the server chose: five bytes, the first zero. Nil for an id the peer chose, which is
  /// not accepted: another peer could choose the same.
  static func number(of routingID: UnsafeRawBufferPointer) -> UInt32? {
    guard routingID.count == 5, routingID[0] == 0 else { return nil }
    return UInt32(bigEndian: routingID.loadUnaligned(fromByteOffset: 1, as: UInt32.self))
  }

  /// The routing id of a number.
  static func routingID(_ number: UInt32) -> Frame {
    Frame(count: 5) { bytes in
      bytes[0] = 0
      bytes.storeBytes(of: number.bigEndian, toByteOffset: 1, as: UInt32.self)
    }
  }

  /// Whether the remembered peer of this connection is still right for a key that `isKey` recognizes.
  mutating func current(_ number: UInt32, generation: Int, isKey: ([UInt8]) -> Bool) -> Peer? {
    guard let index = connections.index(forKey: number) else { return nil }
    uses += 1
    return connections.values[index].peer(generation, at: uses, isKey: isKey)
  }

  /// Looks the key up; nil when it is not let in.
  mutating func identify(_ number: UInt32, key: String, generation: Int) -> Peer? {
    guard let identity = authorized.identity(of: key) else {
      connections[number] = nil
      return nil
    }
    if connections.count >= limit { forgetOldest() }
    uses += 1
    let peer = Peer(name: identity.name, role: identity.role, connection: number)
    connections[number] = Connection(peer: peer, key: Array(key.utf8), generation: generation, lastUse: uses)
    return peer
  }

  /// Whether something may be sent to a peer.
  enum Access: Hashable {
    /// The connection is known, and its key is let in as this peer.
    case open
    /// Its key was let in, and is not any more; the connection is forgotten.
    case revoked
    /// No such connection, or another peer's.
    case unknown
  }

  mutating func access(of peer: Peer, generation: Int) -> Access {
    if let known = current(peer.connection, generation: generation, isKey: { _ in true }) {
      return known == peer ? .open : .unknown
    }
    guard let key = connections[peer.connection]?.key else { return .unknown }
    let known = identify(peer.connection, key: String(decoding: key, as: UTF8.self), generation: generation)
    guard let known else { return .revoked }
    return known == peer ? .open : .unknown
  }

  mutating func remove(_ peer: Peer) { connections[peer.connection] = nil }

  /// Halves the table, so that a full one is not sorted for every newcomer.
  private mutating func forgetOldest() {
    let uses = connections.values.map(\.lastUse).sorted()
    let middle = uses[uses.count / 2]
    connections = connections.filter { $0.value.lastUse >= middle }
  }
}

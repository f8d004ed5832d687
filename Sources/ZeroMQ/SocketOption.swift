import CZeroMQ

/// The options Apus sets, with their units. zmq_setsockopt(3) has what each one means.
public enum SocketOption: Hashable, Sendable {
  /// How long unsent messages may hold up the closing of the context.
  case linger(milliseconds: Int32)
  /// Most messages queued for each peer before `send` would block.
  case sendQueueLimit(Int32)
  case receiveQueueLimit(Int32)
  /// A peer that sends a larger frame is disconnected.
  case largestMessage(bytes: Int64)
  /// Queue only for connections whose handshake is complete, and forget what was queued for a lost one.
  case onlyCompleteConnections
  /// ROUTER: sending to an unknown or full peer is an error instead of a silent loss.
  case mandatoryRouting
  case heartbeat(intervalMS: Int32, timeoutMS: Int32)
  case handshakeTimeout(milliseconds: Int32)
  /// First pause before connecting again; it doubles up to the second figure.
  case reconnect(firstMS: Int32, mostMS: Int32)
  /// Be the CURVE server with this secret key (Z85).
  case curveServer(secretKey: String)
  /// Be a CURVE client of the server with this public key (Z85).
  case curveClient(serverKey: String, keys: CurveKeyPair)
  /// Ask the authenticator of the context about each peer, and refuse all peers when there is none.
  ///
  /// The domain alone fails open: without a running authenticator libzmq 4.3 admits any key. `ZMQ_ZAP_ENFORCE_DOMAIN`
  /// closes that, and exists by number in builds whose header hides it with the draft API.
  case authentication(domain: String)
}

/// `ZMQ_ZAP_ENFORCE_DOMAIN` of zmq_draft.h.
private let zapEnforceDomain: Int32 = 93

extension SocketOption {
  func apply(to socket: SocketHandle) throws(ZeroMQError) {
    switch self {
    case .linger(let milliseconds): try socket.set(ZMQ_LINGER, milliseconds, "linger")
    case .sendQueueLimit(let count): try socket.set(ZMQ_SNDHWM, count, "send queue limit")
    case .receiveQueueLimit(let count): try socket.set(ZMQ_RCVHWM, count, "receive queue limit")
    case .largestMessage(let bytes): try socket.set(ZMQ_MAXMSGSIZE, bytes, "largest message")
    case .onlyCompleteConnections: try socket.set(ZMQ_IMMEDIATE, Int32(1), "only complete connections")
    case .mandatoryRouting: try socket.set(ZMQ_ROUTER_MANDATORY, Int32(1), "mandatory routing")
    case .heartbeat(let intervalMS, let timeoutMS):
      try socket.set(ZMQ_HEARTBEAT_IVL, intervalMS, "heartbeat interval")
      try socket.set(ZMQ_HEARTBEAT_TIMEOUT, timeoutMS, "heartbeat timeout")
    case .handshakeTimeout(let milliseconds): try socket.set(ZMQ_HANDSHAKE_IVL, milliseconds, "handshake timeout")
    case .reconnect(let firstMS, let mostMS):
      try socket.set(ZMQ_RECONNECT_IVL, firstMS, "first reconnect pause")
      try socket.set(ZMQ_RECONNECT_IVL_MAX, mostMS, "longest reconnect pause")
    case .curveServer(let secretKey):
      try socket.set(ZMQ_CURVE_SERVER, Int32(1), "CURVE server")
      try socket.set(ZMQ_CURVE_SECRETKEY, text: secretKey, "CURVE secret key")
    case .curveClient(let serverKey, let keys):
      try socket.set(ZMQ_CURVE_SERVERKEY, text: serverKey, "CURVE server key")
      try socket.set(ZMQ_CURVE_PUBLICKEY, text: keys.publicKey, "CURVE public key")
      try socket.set(ZMQ_CURVE_SECRETKEY, text: keys.secretKey, "CURVE secret key")
    case .authentication(let domain):
      try socket.set(ZMQ_ZAP_DOMAIN, text: domain, "authentication domain")
      try socket.set(zapEnforceDomain, Int32(1), "enforced authentication")
    }
  }
}

import Serving
import ZeroMQ

/// What the events of a client's socket mean to its owner. Pure: events in, at most one event out.
struct ConnectionState {
  /// A coordinator that is ended in the middle of a handshake cuts it off, and so does one that cannot read ours because
  /// we have the wrong key for it. The first does not do it several times in a row.
  private static let mostCutOffs = 3
  /// A handshake that lasted longer was given up for want of an answer: a coordinator that is stopped or overloaded, not
  /// one that refuses. Half of what libzmq waits.
  private static let slowHandshake: Duration = .milliseconds(handshakeTimeoutMS / 2)
  static let handshakeTimeoutMS: Int32 = 10_000

  private let address: String
  private let publicKey: String
  private(set) var isConnected = false
  private var saidDisconnected = false
  private var cutOffCount = 0
  private var handshakeBegan: Duration = .zero

  init(address: String, publicKey: String) {
    self.address = address
    self.publicKey = publicKey
  }

  /// - Parameter now: monotonic time since an arbitrary origin.
  mutating func handle(_ event: MonitorEvent.Kind, at now: Duration) -> ConnectionEvent? {
    switch event {
    case .connected:
      handshakeBegan = now
      return nil
    case .handshakeSucceeded:
      isConnected = true
      saidDisconnected = false
      cutOffCount = 0
      return .connected
    case .disconnected:
      guard isConnected else { return nil }
      return disconnect()
    case .retrying:
      // Nothing listens there: not the coordinator's doing.
      return disconnect()
    case .refusedByAuthenticator(let status):
      // 300 and 500 are an authenticator in trouble; libzmq tries again.
      guard (400..<500).contains(status) else { return disconnect() }
      return .refused(
        ApusError(
          .keyRefused, "the coordinator at \(address) does not let the key \(publicKey) in",
          advice: "on the coordinator's machine: apus keys authorize NAME --role ROLE --public-key '\(publicKey)'"))
    case .protocolBroken:
      return .refused(notOurs("speaks another protocol or expects another key"))
    case .handshakeCutOff:
      cutOffCount = now - handshakeBegan < Self.slowHandshake ? cutOffCount + 1 : 0
      guard cutOffCount >= Self.mostCutOffs else { return disconnect() }
      return .refused(notOurs("breaks off every handshake"))
    }
  }

  private mutating func disconnect() -> ConnectionEvent? {
    isConnected = false
    guard !saidDisconnected else { return nil }
    saidDisconnected = true
    return .disconnected
  }

  private func notOurs(_ deed: String) -> ApusError {
    ApusError(
      .keyRefused, "what listens at \(address) \(deed): it does not have the coordinator key this node was given",
      advice: "copy keys/coordinator.pub from the coordinator's machine again, and check the address")
  }
}

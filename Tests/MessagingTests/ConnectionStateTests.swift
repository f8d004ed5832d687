import Serving
import Testing
import ZeroMQ

@testable import Messaging

@Suite("Connection state")
struct ConnectionStateTests {
  private func events(_ kinds: [MonitorEvent.Kind]) -> [String] {
    var state = ConnectionState(address: "tcp://host:1", publicKey: "key")
    return kinds.compactMap { kind in
      switch state.handle(kind) {
      case .connected: "connected"
      case .disconnected: "disconnected"
      case .refused(let error): "refused \(error.code)"
      case .message: "message"
      case nil: nil
      }
    }
  }

  /// The owner hears of each change once, whatever libzmq tries in between.
  @Test func reportsEachChangeOnce() {
    #expect(events([.retrying, .retrying, .retrying]) == ["disconnected"])
    #expect(events([.connected, .handshakeSucceeded]) == ["connected"])
    #expect(
      events([
        .connected, .handshakeSucceeded, .disconnected, .retrying, .connected, .handshakeSucceeded, .disconnected,
      ])
        == ["connected", "disconnected", "connected", "disconnected"])
  }

  @Test func refusesForAKeyThatIsNotLetIn() {
    #expect(events([.connected, .refusedByAuthenticator(status: 400)]) == ["refused keyRefused"])
    #expect(events([.connected, .protocolBroken(code: 1)]) == ["refused keyRefused"])
    #expect(
      events([.connected, .refusedByAuthenticator(status: 500)]) == ["disconnected"], "an authenticator in trouble")
  }

  /// A coordinator that ends in the middle of a handshake is not a refusal; one that always breaks off is.
  @Test func takesRepeatedCutOffsForARefusal() {
    #expect(
      events([.connected, .handshakeCutOff(code: 32), .connected, .handshakeCutOff(code: 32)]) == ["disconnected"])
    #expect(
      events([.handshakeCutOff(code: 32), .handshakeCutOff(code: 32), .handshakeCutOff(code: 32)])
        == ["disconnected", "refused keyRefused"])
    #expect(
      events([.handshakeCutOff(code: 32), .handshakeCutOff(code: 32), .handshakeSucceeded, .handshakeCutOff(code: 32)])
        == ["disconnected", "connected", "disconnected"])
  }
}

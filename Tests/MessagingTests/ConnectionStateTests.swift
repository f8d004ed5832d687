import Serving
import Testing
import ZeroMQ

@testable import Messaging

@Suite("Connection state")
struct ConnectionStateTests {
  /// What the owner hears of these events, each so long after the one before.
  private func events(_ kinds: [MonitorEvent.Kind], apart step: Duration = .milliseconds(1)) -> [String] {
    var now: Duration = .zero
    var state = ConnectionState(address: "tcp://host:1", publicKey: "key")
    return kinds.compactMap { kind in
      now += step
      return switch state.handle(kind, at: now) {
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

  /// A coordinator that is stopped accepts connections and never answers: each handshake times out, which is no
  /// refusal.
  @Test func waitsForASlowCoordinator() {
    let attempt: [MonitorEvent.Kind] = [.connected, .handshakeCutOff(code: 110)]
    #expect(events(attempt + attempt + attempt + attempt, apart: .seconds(10)) == ["disconnected"])
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

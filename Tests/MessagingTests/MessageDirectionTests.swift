import Serving
import Testing

@testable import Messaging

@Suite("Message direction")
struct MessageDirectionTests {
  /// Every kind of message from both roles: a worker reports, a client asks, both introduce themselves, and nobody
  /// speaks for the coordinator.
  @Test func letsEachRoleSayItsOwn() {
    var random = RandomMessages(seed: 5)
    for kind in 0..<RandomMessages.kindCount {
      let message = random.message(kind: kind)
      let allowed: Set<PeerRole> =
        switch message {
        case .hello(let hello): [hello.role]
        case .heartbeat, .tokens, .report, .modelOffset, .launchAnswer, .hostingAnswer, .placementReport: [.worker]
        case .request: [.client]
        default: []
        }
      for role in PeerRole.allCases {
        let refusal = MessageDirection.refusal(of: message, from: Peer(name: "p", role: role, connection: 0))
        #expect((refusal == nil) == allowed.contains(role), "\(role) \(message)")
      }
    }
  }

  /// A hello of another version goes through, so that it is refused for its version.
  @Test func letsForeignHellosThrough() {
    let hello = Message.hello(Hello(version: protocolVersion + 1, role: .worker))
    #expect(MessageDirection.refusal(of: hello, from: Peer(name: "p", role: .client, connection: 0)) == nil)
  }
}

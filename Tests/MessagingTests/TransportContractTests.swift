import Messaging
import Serving
import Synchronization
import TestKit
import Testing

@Suite("Transport contract", .timeLimit(.minutes(20)))
struct TransportContractTests {
  @Test(arguments: TransportContract.allCases)
  func holdsInProcess(rule: TransportContract) async throws {
    let network = InProcessNetwork()
    try await rule.check(
      TransportUnderTest(
        server: network.serverEndpoint, connect: { network.connect(name: $0, role: $1) },
        replaceServer: { network.restartServer() }))
  }

  @Test(arguments: TransportContract.allCases)
  func holdsOverTCP(rule: TransportContract) async throws {
    let cluster = try TCPCluster()
    try await rule.check(
      TransportUnderTest(
        server: cluster.server, connect: { try cluster.connect($0, $1) },
        replaceServer: { try await cluster.replaceServer() }))
  }
}

import ArgumentParser
import Foundation
import Messaging
import Serving

/// Where the coordinator is and as whom to speak to it: the options every client command takes.
struct ClientOptions: ParsableArguments {
  @Option(help: "State directory of this node.")
  var state = ProcessInfo.processInfo.environment["APUS_STATE"] ?? ".apus"

  @Option(
    help: "The coordinator's address, such as tcp://10.0.0.1:7700. Default: the one running on this state directory.")
  var coordinator: String?

  @Option(help: "Name of the client key in the state directory's keys, or a path to its .key file.")
  var key = "client"

  @Option(
    parsing: .unconditional, help: "The coordinator's public key. Default: keys/coordinator.pub in the state directory."
  )
  var serverKey: String?

  @Flag(help: "Print one JSON object.")
  var json = false

  var directory: StateDirectory { StateDirectory(state) }

  private var client: ClientAddress {
    ClientAddress(directory: directory, coordinator: coordinator, key: key, serverKey: serverKey)
  }

  func address() throws(ApusError) -> String { try client.address() }

  /// Connects, introduces itself and waits for the welcome.
  ///
  /// - Parameter timeout: longer than libzmq gives one handshake, so that a busy coordinator is not taken for none.
  func connect(timeout: Duration = .seconds(15)) async throws(ApusError) -> CoordinatorClient {
    try await CoordinatorClient.connect(client.endpoint(), address: client.address(), timeout: timeout)
  }
}

import ArgumentParser
import Foundation
import Messaging
import Serving

/// Where the coordinator is and as whom to speak to it: the options every client command takes.
struct ClientOptions: ParsableArguments {
  @Option(help: "State directory of this node.")
  var state = ProcessInfo.processInfo.environment["APUS_STATE"] ?? ".apus"

  @Option(help: "The coordinator's address, such as tcp://10.0.0.1:7700. Default: the one running on this state directory.")
  var coordinator: String?

  @Option(help: "Name of the client key in the state directory's keys, or a path to its .key file.")
  var key = "client"

  @Option(help: "The coordinator's public key. Default: keys/coordinator.pub in the state directory.")
  var serverKey: String?

  @Flag(help: "Print one JSON object.")
  var json = false

  var directory: StateDirectory { StateDirectory(state) }

  /// The coordinator's address: the option, APUS_COORDINATOR, or what a coordinator on this state directory wrote.
  func address() throws(ApusError) -> String {
    if let coordinator { return coordinator }
    if let variable = ProcessInfo.processInfo.environment["APUS_COORDINATOR"] { return variable }
    guard let text = try? String(contentsOfFile: directory.coordinatorAddress, encoding: .utf8) else {
      throw ApusError(
        .unavailable, "no coordinator runs on the state directory \(directory.path)",
        advice: "start one with `apus coordinator`, see one at work with `apus quickstart --keep`, or name one with --coordinator")
    }
    return text.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// Connects, introduces itself and waits for the welcome.
  func connect(timeout: Duration = .seconds(5)) async throws(ApusError) -> CoordinatorClient {
    let address = try address()
    let ring = KeyRing(directory: directory.keys)
    let pair = try ring.pair(key)
    let serverKey = try self.serverKey ?? ring.publicKey("coordinator")
    let endpoint = try ZeroMQClientEndpoint(
      options: ClientOptionsBuilder.options(address: address, keys: pair, serverKey: serverKey))
    return try await CoordinatorClient.connect(endpoint, address: address, timeout: timeout)
  }
}

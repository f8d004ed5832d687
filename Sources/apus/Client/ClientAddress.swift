import Foundation
import Messaging
import Serving

/// Where a coordinator is and with which key to speak to it.
struct ClientAddress {
  var directory: StateDirectory
  /// Nil for the coordinator that runs on this state directory.
  var coordinator: String?
  /// Name of a key in the state directory, or the path of a .key file.
  var key: String
  /// Nil for keys/coordinator.pub in the state directory.
  var serverKey: String?

  /// The option, APUS_COORDINATOR, or what a coordinator on this state directory wrote.
  func address() throws(ApusError) -> String {
    if let coordinator { return coordinator }
    if let variable = ProcessInfo.processInfo.environment["APUS_COORDINATOR"] { return variable }
    guard let text = try? String(contentsOfFile: directory.coordinatorAddress, encoding: .utf8) else {
      throw ApusError(
        .unavailable, "no coordinator runs on the state directory \(directory.path)",
        advice:
          "start one with `apus coordinator`, see one at work with `apus quickstart --keep`, or name one with --coordinator"
      )
    }
    return text.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// An endpoint that connects by itself.
  func endpoint() throws(ApusError) -> any ClientEndpoint { try ZeroMQClientEndpoint(options: connection()) }

  /// The address and the keys, read but not tried.
  func connection() throws(ApusError) -> ZeroMQClientOptions {
    let address = try address()
    let ring = KeyRing(directory: directory.keys)
    let coordinatorKey: String
    if let serverKey { coordinatorKey = serverKey } else { coordinatorKey = try ring.publicKey("coordinator") }
    return ZeroMQClientOptions(address: address, keys: try ring.pair(key), serverKey: coordinatorKey)
  }
}

import ArgumentParser
import CEchoBenchmark
import Foundation
import Messaging
import Serving

/// The yardstick in a process of its own: prints its address, echoes, and prints what that cost.
struct ServeEcho: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "serve-echo", shouldDisplay: false)

  @Option var keys: String
  @Option var skipped: UInt64

  /// What it prints at the end.
  struct Cost: Codable {
    var messages: UInt64
    var cpuSeconds: Double
  }

  func run() throws {
    var cost = apus_echo_cost()
    let secretKey = try KeyRing(directory: keys).pair("coordinator").secretKey
    let code = apus_echo_serve(
      "tcp://127.0.0.1:*", secretKey, skipped,
      { address, _ in
        guard let address else { return }
        FileHandle.standardOutput.write(Data((String(cString: address) + "\n").utf8))
      }, nil, &cost)
    guard code == 0 else {
      throw ApusError(.unavailable, "the echo ended with libzmq's error \(code)")
    }
    let line = try JSONEncoder().encode(Cost(messages: cost.messages, cpuSeconds: cost.cpu_seconds))
    FileHandle.standardOutput.write(line + Data("\n".utf8))
  }
}

import ArgumentParser
import CEchoBenchmark
import Foundation
import Serving

/// The yardstick of the way through gateway, coordinator and worker, in a process of its own: prints its port, and passes
/// bytes on until its standard input closes.
struct ServeRelay: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "serve-relay", shouldDisplay: false)

  @Option var hops: Int32
  /// Port of the engine on this machine.
  @Option var upstream: UInt16

  func run() async throws {
    let port = apus_relay_start(hops, upstream)
    guard port > 0 else { throw ApusError(.unavailable, "the relay got no port") }
    FileHandle.standardOutput.write(Data("\(port)\n".utf8))
    await Lifeline.untilCut()
  }
}

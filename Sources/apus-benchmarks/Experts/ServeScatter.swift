import ArgumentParser
import CEchoBenchmark
import Foundation
import Messaging
import Serving

/// The yardstick's host in a process of its own: prints its address and public key, and answers batches.
struct ServeScatter: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "serve-scatter", shouldDisplay: false)

  @Option var answerHeader: Int

  func run() throws {
    let keys = KeyPair.generate()
    let code = keys.publicKey.withCString { publicKey in
      apus_scatter_serve(
        "tcp://127.0.0.1:*", keys.secretKey, answerHeader,
        { address, key in
          guard let address, let key else { return }
          let line =
            String(cString: address) + " " + String(cString: key.assumingMemoryBound(to: CChar.self)) + "\n"
          FileHandle.standardOutput.write(Data(line.utf8))
        }, UnsafeMutableRawPointer(mutating: publicKey))
    }
    guard code == 0 else { throw ApusError(.unavailable, "the scatter host ended with libzmq's error \(code)") }
  }
}

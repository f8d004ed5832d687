import ArgumentParser
import ExpertExecution
import ExpertPlacement
import Foundation
import Messaging
import Serving

extension PlacementCommand {
  /// `apus placement host`: a process that computes a model's experts for a hub.
  struct HostCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "host",
      abstract: "Serve a model's experts to `apus placement benchmark` on this or another machine.",
      discussion: """
        Prints one JSON object with its address and public key when it listens, and runs until it is stopped. Only hubs whose \
        public keys were given are let in.
        """)

    @Option(help: "GGUF mixture-of-experts model; the same file as the hub's.") var model: String
    @Option(help: "Where to listen; * lets the system choose a port.") var bind = "tcp://127.0.0.1:*"
    @Option(help: "Public key of a hub that is let in; may be repeated.") var hubKey: [String]
    @Option(
      help: "State directory whose key expert-host is used, and made when it is not there. [default: a fresh key]")
    var state: String?
    @Option(name: .customLong("emulated-gflop-per-s"), help: "Play a slower machine: its GEMM rate.")
    var emulatedGFLOP: Double?
    @Option(name: .customLong("emulated-gb-per-s"), help: "Play a slower machine: its memory bandwidth.")
    var emulatedBandwidth: Double?
    @Flag(help: "Give rows back uncomputed: what everything else costs.") var passing = false
    @Flag(help: .hidden) var untilInputCloses = false

    func validate() throws {
      guard (emulatedGFLOP == nil) == (emulatedBandwidth == nil), emulatedGFLOP ?? 1 > 0, emulatedBandwidth ?? 1 > 0
      else { throw ValidationError("--emulated-gflop-per-s and --emulated-gb-per-s go together, and are above 0") }
      guard !hubKey.isEmpty else { throw ValidationError("give the --hub-key of at least one hub") }
    }

    func run() async throws {
      let file = try MoEModelFile(path: model)
      let keys =
        try state.map { try KeyRing(directory: $0 + "/keys").pairMakingIfNeeded("expert-host") } ?? KeyPair.generate()
      var speed: PlacementHost.Speed?
      if let emulatedGFLOP, let emulatedBandwidth {
        speed = PlacementHost.Speed(
          operationsPerSecond: emulatedGFLOP * 1e9, memoryBytesPerSecond: emulatedBandwidth * 1e9)
      }
      let host = try ExpertHost(
        model: file,
        options: ExpertHostOptions(
          address: bind, keys: keys, hubKeys: Set(hubKey), emulated: speed,
          computing: passing ? .passing : .experts))
      Console.print(
        JSONValue.object([("address", .string(host.address)), ("public_key", .string(keys.publicKey))]).text)
      if untilInputCloses { await Self.inputCloses() } else { await Self.isStopped() }
      await host.stop()
    }

    private static func inputCloses() async {
      await withCheckedContinuation { waiting in
        Thread.detachNewThread {
          _ = try? FileHandle.standardInput.readToEnd()
          waiting.resume()
        }
      }
    }

    /// Signals end the process as they do by default: there is nothing to save.
    private static func isStopped() async {
      while !Task.isCancelled { try? await Task.sleep(for: .seconds(3600)) }
    }
  }
}

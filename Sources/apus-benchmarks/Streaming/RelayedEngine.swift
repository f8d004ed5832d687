import Engines
import Serving
import TestKit

/// An engine that batches, behind plain C relays in a process of their own.
struct RelayedEngine {
  let port: Int
  private let engine: EngineProcess
  private let relays: ChildService

  /// - Parameters:
  ///   - hops: relays that everything passes.
  ///   - itlMS: the engine's own time between tokens.
  ///   - slots: answers that the engine generates at once.
  static func start(hops: Int, itlMS: Double, slots: Int) async throws -> RelayedEngine {
    var engine = ScriptedEngine(
      script: ScriptedEngine.Script { script in
        script.ttftMS = 0
        script.itlMS = itlMS
        script.slots = slots
      })
    engine.server = .stepping
    let process = try await EngineProcess.start(
      engine.plan(), guardPath: try EngineInstallation.standard(stateDirectory: ".").guardPath, memoryLimitBytes: nil)
    let upstream = process.baseURL.split(separator: ":").last ?? ""
    let relays = try ChildService.start(
      [ChildService.program("apus-benchmarks"), "serve-relay", "--hops", "\(hops)", "--upstream", String(upstream)])
    guard let port = Int(try await relays.nextLine()) else {
      throw ApusError(.bug, "the relays did not print their port")
    }
    return RelayedEngine(port: port, engine: process, relays: relays)
  }

  /// CPU time of the relays since their start.
  ///
  /// - Throws: `unavailable` when they have ended.
  func cpuSeconds() throws(ApusError) -> Double { try ProcessFigures.cpuSeconds(of: try relays.processID()) }

  func stop() async {
    await relays.stop()
    await engine.stop()
  }
}

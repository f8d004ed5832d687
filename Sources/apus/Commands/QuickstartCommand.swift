import ArgumentParser
import Foundation
import Serving
import UnixSignals

/// `apus quickstart`: the whole loop on this machine.
struct QuickstartCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "quickstart",
    abstract: "Benchmark, learn and route on this machine: a coordinator, two workers, real models, a real engine.",
    discussion: "Deploy/quickstart installs what is missing, builds, and then runs this.")

  @Option(help: "A GGUF model to use; default: small models made on the spot.") var model: String?
  @Option(help: "Time for benchmarking, such as 5m; the confirmation of the winners comes on top.") var budget = "5m"
  @Flag(help: "Leave the coordinator and the workers running.") var keep = false
  @Option(help: "State directory.") var state = ProcessInfo.processInfo.environment["APUS_STATE"] ?? ".apus"
  @Flag(help: "Print one JSON object at the end.") var json = false

  func run() async throws {
    let seconds = try Reference.seconds(budget, option: "--budget")
    let quickstart = try Quickstart(
      state: StateDirectory(state), modelPath: model, budgetSeconds: seconds, keepsServices: keep, json: json)
    try await withThrowingTaskGroup(of: Bool.self) { group in
      group.addTask {
        try await quickstart.run()
        return true
      }
      group.addTask {
        for await _ in await UnixSignalsSequence(trapping: .sigterm, .sigint) { return false }
        return true
      }
      defer { group.cancelAll() }
      do {
        if try await group.next() == false {
          Console.note("\nstopping; what was measured is kept")
          await quickstart.stopEverything()
          Foundation.exit(130)  // 128 + SIGINT, as shells expect
        }
      } catch {
        await quickstart.stopEverything()
        throw error
      }
    }
  }
}

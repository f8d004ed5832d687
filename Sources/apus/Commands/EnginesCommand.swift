import ArgumentParser
import Engines
import Foundation
import Serving

/// `apus engines`: the engines Apus can run and whether they are installed here.
struct EnginesCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "engines", abstract: "Show the engines and what is installed on this machine.")

  @Option(help: "State directory of this node.")
  var state = ProcessInfo.processInfo.environment["APUS_STATE"] ?? ".apus"
  @Flag(help: "Print one JSON object.") var json = false

  func run() async throws {
    let adapters = EngineCatalogue.all(try EngineInstallation.standard(stateDirectory: StateDirectory(state).path))
    var found: [(engine: any InferenceEngine, here: EngineDescription?)] = []
    for adapter in adapters { found.append((adapter, await adapter.detect())) }
    if json {
      Console.print(
        JSONValue.object([
          (
            "engines",
            .array(
              found.map { entry in
                .object([
                  ("name", .string(entry.engine.name.rawValue)), ("summary", .string(entry.engine.summary)),
                  ("is_installed", .bool(entry.here != nil)), ("version", JSONValue(entry.here?.version)),
                  ("knobs", JSONValue(strings: entry.engine.knobs.sorted().map(\.rawValue))),
                  ("builds", .array((entry.here?.builds ?? []).map(Self.json))),
                ])
              })
          )
        ]).text)
      return
    }
    var table = TextTable(["ENGINE", "VERSION HERE", "SUMMARY"])
    for entry in found {
      table.add([entry.engine.name.rawValue, entry.here?.version ?? "not installed", entry.engine.summary])
    }
    Console.print(table.text())
    // One that is installed and does not run is what its owner wants to know of.
    for entry in found {
      for build in entry.here?.builds ?? [] {
        if let fault = build.fault { Console.note("\(entry.engine.name): the build for \(build.name) \(fault)") }
      }
    }
  }

  private static func json(_ build: EngineBuild) -> JSONValue {
    .object([("name", .string(build.name)), ("fault", JSONValue(build.fault))])
  }
}

import Acceleration
import ArgumentParser
import Engines
import Foundation
import Serving

/// `apus methods`: the acceleration methods Apus knows.
struct MethodsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "methods", abstract: "Show the acceleration methods and whether an engine can do them.")

  @Option(help: "Only what this engine can do, or why not (see `apus engines`).") var engine: String?
  @Option(help: "State directory of this node.")
  var state = ProcessInfo.processInfo.environment["APUS_STATE"] ?? ".apus"
  @Flag(help: "Print one JSON object.") var json = false
  @Flag(help: "Print the table of engines and methods as Markdown, as README.md has it.") var table = false

  func run() throws {
    let adapters = EngineCatalogue.all(try EngineInstallation.standard(stateDirectory: StateDirectory(state).path))
    if let engine, !adapters.contains(where: { $0.name.rawValue == engine }) {
      throw ApusError(
        .badInput, "there is no engine called \(engine)",
        advice: "use one of \(adapters.map(\.name.rawValue).joined(separator: ", "))")
    }
    let shown = adapters.filter { engine == nil || $0.name.rawValue == engine }
    if table {
      Console.print(MethodTable.markdown(shown))
      return
    }
    if json {
      Console.print(
        JSONValue.object([
          (
            "methods",
            .array(
              MethodCatalogue.all.map { method in
                .object([
                  ("name", .string(method.name.rawValue)), ("summary", .string(method.summary)),
                  ("fidelity", .string(method.fidelity.rawValue)),
                  ("engines", .object(shown.map { ($0.name.rawValue, $0.support(of: method.name).json) })),
                ])
              })
          )
        ]).text)
      return
    }
    // Reasons are sentences: they stand below the table, where they cannot make a column too wide.
    var table = TextTable(["METHOD", "OUTPUT"] + shown.map { $0.name.rawValue.uppercased() } + ["WHAT IT DOES"])
    for method in MethodCatalogue.all {
      table.add(
        [method.name.rawValue, method.fidelity.rawValue] + shown.map { $0.support(of: method.name).word }
          + [method.summary])
    }
    var text = table.text()
    for engine in shown {
      var notes = TextTable(["ON \(engine.name.rawValue.uppercased())", "WHY"])
      for method in MethodCatalogue.all {
        if let note = engine.support(of: method.name).note { notes.add([method.name.rawValue, note]) }
      }
      if !notes.isEmpty { text += "\n\n" + notes.text() }
    }
    Console.print(text)
  }

  /// - Throws: `badInput` naming the first method that does not exist.
  static func check(_ methods: [MethodName]) throws(ApusError) {
    let known = MethodCatalogue.all.map(\.name)
    for method in methods where !known.contains(method) {
      throw ApusError(
        .badInput, "there is no method called \(method)",
        advice: "use one of \(known.map(\.rawValue).joined(separator: ", "))")
    }
  }
}

extension MethodSupport {
  fileprivate var json: JSONValue {
    .object([("support", .string(word)), ("note", JSONValue(note))])
  }
}

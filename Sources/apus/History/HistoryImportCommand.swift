import ArgumentParser
import Foundation
import History
import Serving

/// `apus history import`: measurements of others into the history.
struct HistoryImportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import", abstract: "Read measurements that others made, or an export of this history.",
    discussion: """
      Formats, told by the file unless --format names one:
      \(ImporterCatalogue.all.map { "  \($0.name): \($0.summary)" }.joined(separator: "\n"))

      What a file does not say stays unknown, or is what you state with --hardware, --model, --engine, --engine-version
      and --knobs. Imported measurements keep the file's name as their source, and their hardware is marked: they teach
      the selector and never count as measured on a node of this cluster, unless --restore says that they were.
      """)
  @OptionGroup var common: HistoryCommand.Common
  @Argument(help: "A file.") var file: String
  @Option(help: "The file's format.") var format: String?
  @Flag(
    name: [.long, .customLong("skip-bad")],
    help: "Leave wrong rows out and report them, instead of refusing the file.")
  var skipWrongRows = false
  @Flag(help: "The file is this cluster's own export: what was measured on a node counts as measured there.")
  var restore = false
  @Option(help: "The machine it was measured on, a YAML profile as for `apus recommend --hardware`.")
  var hardware: String?
  @Option(help: "The model that was measured: a name or digest that this history knows.") var model: String?
  @Option(help: "The engine, such as vllm.") var engine: String?
  @Option(help: "The engine's version.") var engineVersion: String?
  @Option(help: "Settings that differ from the engine's own, as JSON; {} for none.") var knobs: String?

  func run() async throws {
    let importer = try ImporterCatalogue.importer(named: format, for: file)
    guard !restore || importer.name == "tidy" else {
      throw ApusError(
        .usage, "--restore is for tidy CSV, and \(file) is \(importer.name)", advice: "import it without --restore")
    }
    let directory = StateDirectory(common.state)
    try directory.create()
    let store = try SQLiteHistoryStore(path: directory.history)
    let summary = try await HistoryImport.importFile(
      file, as: importer, stated(try await store.models()), into: store, skippingWrongRows: skipWrongRows,
      isRestoring: restore)
    await store.close()
    for problem in summary.problems { Console.note("line \(problem.line): \(problem.reason)") }
    if !summary.ignoredColumns.isEmpty {
      Console.note("columns that mean nothing here: \(summary.ignoredColumns.joined(separator: ", "))")
    }
    Console.print(
      common.json
        ? JSONValue.object([
          ("format", .string(importer.name)), ("imported_count", .int(summary.importedCount)),
          ("known_count", .int(summary.knownCount)), ("skipped_count", .int(summary.problems.count)),
        ]).text
        : """
        \(importer.name): imported \(summary.importedCount) measurements, \(summary.knownCount) were here already, \
        left out \(summary.problems.count)
        """)
  }

  private func stated(_ models: [ModelProfile]) throws -> StatedFacts {
    var facts = StatedFacts(engine: engine.map { EngineName($0) }, engineVersion: engineVersion)
    if let hardware { facts.hardware = try HardwareFile.read(path: hardware) }
    if let model {
      let known = models.first { $0.name == model || $0.id.rawValue == model }
      guard let known else {
        throw ApusError(
          .badInput, "this history knows no model `\(model)`",
          advice: "the names are \(models.map(\.name).sorted().joined(separator: ", ")); add it with `apus model add`")
      }
      facts.model = known
    }
    if let knobs {
      guard let values = try? JSONDecoder().decode([String: KnobValue].self, from: Data(knobs.utf8)) else {
        throw ApusError(
          .usage, "--knobs \(knobs) is no JSON object of settings",
          advice: #"give for example '{"prefix_caching":true}'"#)
      }
      facts.knobs = Dictionary(uniqueKeysWithValues: values.map { (KnobName($0.key), $0.value) })
    }
    return facts
  }
}

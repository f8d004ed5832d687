import ArgumentParser
import Foundation
import History
import Messaging
import Selection
import Serving

/// `apus selector`: the learned part.
struct SelectorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "selector", abstract: "Train the selector and show what it knows.",
    subcommands: [Train.self, SelectorEvaluateCommand.self, Show.self])

  struct Train: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Train on the history. A running coordinator takes the new model up if it is better.")
    @OptionGroup var options: ClientOptions
    @Option(help: "Train here and write the model to this file, without a coordinator.") var into: String?

    func run() async throws {
      if let into {
        try await trainHere(into)
        return
      }
      let client = try await options.connect()
      guard case .trained(let summary) = try await client.ask(.train, timeout: .seconds(600)) else {
        throw ApusError(.bug, "the coordinator answered a training with something else")
      }
      await client.close()
      Console.print(
        options.json
          ? JSONValue.object([
            ("row_count", .int(summary.rowCount)), ("training_s", .double(summary.seconds)),
            ("was_promoted", .bool(summary.wasPromoted)), ("reason", .string(summary.reason)),
          ]).text
          : "trained on \(summary.rowCount) measurements in \(Figures.seconds(summary.seconds)): \(summary.reason)")
    }

    private func trainHere(_ path: String) async throws {
      let store = try SQLiteHistoryStore(path: options.directory.history)
      let rows = try await store.measurements(MeasurementFilter(), includingSamples: false)
      let models = try await store.models()
      await store.close()
      let model = try SelectorTrainer.train(rows.map(\.measurement), models: models)
      try model.write(to: path)
      Console.print(
        options.json
          ? JSONValue.object([("row_count", .int(rows.count)), ("path", .string(path))]).text
          : "trained on \(rows.count) measurements: \(path)")
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "The selectors there are, and the current model.")
    @OptionGroup var options: ClientOptions

    func run() async throws {
      let path = options.directory.selector
      let model = FileManager.default.fileExists(atPath: path) ? try SelectorModel(file: path) : nil
      if options.json {
        Console.print(
          JSONValue.object([
            (
              "selectors",
              .array(
                SelectorCatalogue.all.map {
                  .object([("name", .string($0.name)), ("summary", .string($0.summary))])
                })
            ),
            ("model_path", JSONValue(model == nil ? nil : path)),
            ("row_count", JSONValue(model?.rowCount)), ("encoder_version", JSONValue(model?.encoderVersion)),
          ]).text)
        return
      }
      var table = TextTable(["SELECTOR", "WHAT IT DOES"])
      for selector in SelectorCatalogue.all { table.add([selector.name, selector.summary]) }
      Console.print(table.text())
      Console.print(
        model.map { "model: trained on \($0.rowCount) measurements, encoder version \($0.encoderVersion)" }
          ?? "no model is trained yet: benchmark something, then run `apus selector train`")
    }
  }
}

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
    static let configuration = CommandConfiguration(
      abstract: "Every selector there is, and what the current model was trained on.",
      discussion: """
        serving: what a coordinator asks, in the order of trust. table and online: what `apus selector evaluate` compares
        on tables of costs, and on streams with --online.
        """)
    @OptionGroup var options: ClientOptions

    func run() async throws {
      let model = SelectorListing.TrainedModel(path: options.directory.selector)
      Console.print(options.json ? SelectorListing.json(model).text : SelectorListing.text(model))
    }
  }
}

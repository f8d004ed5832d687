import ArgumentParser
import Engines
import Foundation
import Messaging
import Serving

/// `apus model`: the models of this node and of the cluster.
struct ModelCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "model", abstract: "Add, list, show, make and copy models.",
    subcommands: [Add.self, List.self, Show.self, Synthesize.self, Push.self])

  struct Add: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract:
        "Give this node's workers a model. It is linked, not copied; running workers take it up when they start."
    )
    @Argument(help: "A GGUF file, or a folder in Hugging Face format.") var path: String
    @Option(help: "What people call it; default: the file's or the folder's name.") var name: String?
    @Option(help: "State directory of this node.")
    var state = ProcessInfo.processInfo.environment["APUS_STATE"] ?? ".apus"
    @Flag(help: "Print one JSON object.") var json = false

    func run() throws {
      let directory = StateDirectory(state)
      try directory.create()
      let profile = try ModelLibrary(directory: directory.models).add(path: path, name: name)
      Console.print(json ? ModelOutput.json(profile, workers: []).text : ModelOutput.text(profile))
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Models the coordinator knows, and which workers have them.")
    @OptionGroup var options: ClientOptions

    func run() async throws {
      let client = try await options.connect()
      guard case .models(let models) = try await client.ask(.listModels) else {
        throw ApusError(.bug, "the coordinator answered a list of models with something else")
      }
      await client.close()
      if options.json {
        Console.print(
          JSONValue.object([
            ("models", .array(models.map { ModelOutput.json($0.profile, workers: $0.workers) }))
          ]).text)
        return
      }
      var table = TextTable([
        "MODEL", "FORMAT", "ARCHITECTURE", ">PARAMETERS", ">EXPERTS", "WEIGHTS", ">SIZE", "WORKERS",
      ])
      for model in models {
        let profile = model.profile
        table.add([
          profile.name, profile.format.rawValue, profile.architecture,
          String(format: "%.1f M", Double(profile.parameterCount) / 1e6),
          profile.isMixtureOfExperts ? "\(profile.expertsPerToken) of \(profile.expertCount)" : "-",
          profile.weightType, Figures.bytes(profile.weightBytes),
          model.workers.map(\.rawValue).joined(separator: ", "),
        ])
      }
      Console.print(table.text())
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "What a model says of itself.")
    @Argument(help: "A GGUF file, or a folder in Hugging Face format.") var path: String
    @Flag(help: "Print one JSON object.") var json = false

    func run() throws {
      let profile = try ModelReader.profile(path: path, name: nil)
      let bytes = try ModelReader.bytesByClass(path: path)
      Console.print(
        json
          ? ModelOutput.json(profile, workers: [], bytesByClass: bytes).text
          : ModelOutput.text(profile) + "\n" + ModelOutput.text(bytes))
    }
  }

  struct Synthesize: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make small models with random weights and a planted successor structure, to try things out.")
    @Option(
      help: "Which, separated by commas: \(ModelSynthesizer.Kind.allCases.map(\.rawValue).joined(separator: ", ")).")
    var models = ModelSynthesizer.Kind.gguf.map(\.rawValue).joined(separator: ",")
    @Option(help: "State directory of this node.")
    var state = ProcessInfo.processInfo.environment["APUS_STATE"] ?? ".apus"
    @Flag(help: "Print one JSON object.") var json = false

    func run() async throws {
      let directory = StateDirectory(state)
      try directory.create()
      let kinds = try models.split(separator: ",").map { name throws(ApusError) in
        guard let kind = ModelSynthesizer.Kind(rawValue: String(name)) else {
          throw ApusError(
            .usage, "no model \(name) can be made",
            advice: "use \(ModelSynthesizer.Kind.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return kind
      }
      let models = try await ModelSynthesis.run(directory, kinds) { Console.note("  " + $0) }
      Console.print(
        json
          ? JSONValue.object([("models", .array(models.map { ModelOutput.json($0, workers: []) }))]).text
          : models.map(ModelOutput.text).joined(separator: "\n"))
    }
  }

  struct Push: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Copy a GGUF file to a worker; goes on where an earlier copy stopped.")
    @OptionGroup var options: ClientOptions
    @Argument(help: "A GGUF file.") var path: String
    @Option(help: "The worker's name.") var worker: String

    func run() async throws {
      guard ModelReader.format(of: path) == .gguf else {
        throw ApusError(
          .badInput, "\(path) is a folder, and only single files are pushed",
          advice: "copy the folder to the worker's machine, then `apus model add FOLDER` there")
      }
      let profile = try GGUFReader.profile(path: path, name: nil)
      let client = try await options.connect()
      defer { Task { await client.close() } }
      try await ModelPush(client: client, worker: WorkerName(worker), path: path, profile: profile).run()
      Console.print(
        options.json
          ? ModelOutput.json(profile, workers: [WorkerName(worker)]).text
          : "\(worker) has \(profile.name)")
    }
  }
}

import ArgumentParser
import Foundation
import Messaging
import Serving

/// `apus benchmark`: measure candidate strategies within a budget.
struct BenchmarkCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "benchmark",
    abstract: "Measure the strategies that apply to a model and a workload, in turns with the default.")
  @OptionGroup var options: ClientOptions

  @Option(help: "A model's registered name or the path of its file; may be repeated.") var model: [String]
  @Option(help: "\(Workload.builtIn.map(\.name).joined(separator: ", ")) or a YAML file; may be repeated.")
  var workload: [String]
  @Option(help: "Time for measuring, such as 90s or 10m.") var budget = "10m"
  @Option(help: "Only these methods, separated by commas (see `apus methods`).") var methods: String?
  @Option(help: "Only this worker; may be repeated.") var worker: [String] = []
  @Option(help: "\(Objective.allCases.map(\.rawValue).joined(separator: ", ")).") var objective = "e2e"
  @Option(help: "Seed of prompts and orders; default: a new one, so that prompts are fresh.") var seed: UInt64?
  @Flag(help: "Use shapes of half the length, which cost half the time.") var half = false
  @Flag(help: "Go on with the last benchmark of these models and workloads that was interrupted.") var resume = false

  func validate() throws {
    if model.isEmpty || workload.isEmpty {
      throw ValidationError("name at least one --model and one --workload")
    }
    if resume, seed != nil { throw ValidationError("a benchmark is resumed with its own seed: leave --seed out") }
  }

  func run() async throws {
    let budgetSeconds = try Reference.seconds(budget, option: "--budget")
    let objective = try QueryOptions.objective(objective)
    let shapes = try workload.map { try Reference.workload($0) }.map { half ? $0.halved : $0 }
    let wanted = methods.map { $0.split(separator: ",").map { MethodName(String($0)) } } ?? []
    try MethodsCommand.check(wanted)
    let client = try await options.connect()
    defer { Task { await client.close() } }
    var profiles: [ModelProfile] = []
    for name in model { profiles.append(try await Reference.model(name, client)) }
    var spec = BenchmarkSpec(
      id: .random("benchmark"), models: profiles.map(\.id), workloads: shapes, methods: wanted,
      workers: worker.map { WorkerName($0) }, budgetSeconds: budgetSeconds, objective: objective,
      seed: seed ?? UInt64.random(in: 0...UInt64(Int64.max)))
    let journal = BenchmarkJournal(state: options.directory)
    if resume { spec = try journal.interrupted(like: spec) }
    let (summary, failure) = try await journal.keeping(spec) { begun in
      try await BenchmarkRun(client: client, spec: spec).run(begun: begun)
    }
    let names = try await Reference.modelNames(client)
    if options.json {
      Console.print(BenchmarkOutput.json(summary, models: names).text)
    } else if failure == nil {
      Console.print(BenchmarkOutput.table(summary, models: names))
      for section in BenchmarkOutput.qualitySections(summary, models: names) {
        Console.print("\n  \(section.heading)\n\(section.table)")
      }
    }
    if let failure { throw failure }
  }
}

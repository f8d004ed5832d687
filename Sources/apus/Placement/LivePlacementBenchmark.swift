import ExpertPlacement
import Messaging
import Serving

/// Asks a coordinator to measure placements on its workers.
struct LivePlacementBenchmark {
  private let command: PlacementCommand.BenchmarkCommand

  init(_ command: PlacementCommand.BenchmarkCommand) { self.command = command }

  func run() async throws -> PlacementBenchmarkResult {
    let client = try await command.client.connect()
    defer { Task { await client.close() } }
    let model = try await Reference.model(command.model, client)
    let spec = try command.spec(model: model.id, topK: model.expertsPerToken)
    if let routing = spec.routing, routing.experts.count > RecordedRouting.byteLimit {
      throw ApusError(
        .usage, "\(command.trace ?? "the trace") has \(routing.experts.count) bytes",
        advice: "give at most \(RecordedRouting.byteLimit) to live workers: fewer tokens say as much")
    }
    for name in spec.strategies where name != PlacementBenchmarkSpec.recommended {
      _ = try PlacementStrategies.named(name)
    }
    let collected = PlacementNewsCollector(showsSteps: !command.client.json, trials: command.trials)
    // A person who gives up frees the workers at once.
    return try await Interruption.guarding {
      for try await answer in await client.answers(to: .benchmarkPlacement(spec)) {
        guard case .placementNews(let news) = answer else {
          throw ApusError(.bug, "the coordinator answered a benchmark of placements with something else")
        }
        await collected.take(news)
      }
      return try await collected.result(hosts: [], isEmulated: false)
    } leave: {
      _ = try? await client.ask(.cancelBenchmark(spec.id))
    }
  }
}

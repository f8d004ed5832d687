import ArgumentParser
import Engines
import Foundation
import PlannerReplay
import Serving
import Worker

/// Measures a grid of settings on the real engine, for planners to be replayed on.
struct GridMeasuring: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "grid", abstract: "Measure every combination of llama.cpp settings, to replay trial planners on.",
    discussion: """
      Each trial loads the default and a few combinations side by side and gives each one block of each workload and \
      round, in shuffled order. Combinations with the fewest blocks come first, so every further pass is a repeat at another \
      time. Lines are added to --output as they come; run it again to add more, or with --best to know better who is \
      best.
      """)

  @Option(help: "State directory with the engine and the models of `apus model synthesize`.") var state = ".apus"
  @Option(help: "File the lines are added to.") var output: String
  @Option(help: "Model's name; may be repeated. [default: dense-q8_0, moe-q8_0]") var model: [String] = []
  @Option(help: "Workload's name; may be repeated. [default: concurrent, edit]") var workload: [String] = []
  @Option(help: "The model that drafts.") var draft = "draft-q8_0"
  @Option(help: "Stop after this many minutes.") var minutes = 60.0
  @Option(help: "Stop when every combination has this many blocks of each workload.") var repeats = 3
  @Option(help: "Rounds of a trial: its engines, loaded once, run each workload this often in turns.") var rounds = 1
  @Option(help: "Combinations loaded beside the default.") var sideBySide = 9
  @Flag(
    help: "Only the best of each workload once more: a grid's best is known as well as its best few are.") var best =
    false

  func validate() throws {
    guard minutes > 0, repeats > 0, rounds > 0, (1...32).contains(sideBySide) else {
      throw ValidationError("give minutes, repeats and rounds above 0, and 1 to 32 combinations side by side")
    }
  }

  func run() async throws {
    let shapes = try (workload.isEmpty ? ["concurrent", "edit"] : workload).map(Self.shape)
    var options = WorkerConfiguration()
    options.name = "grid"
    options.state = state
    options.engines = [EngineName("llamacpp")]
    let installation = try EngineInstallation.standard(stateDirectory: state)
    let hardware = await Capabilities.measure()
    let executor = EngineWorkExecutor(
      configuration: options, hardware: hardware, engines: EngineCatalogue.all(installation),
      guardPath: installation.guardPath)
    let models = try await executor.describe().models
    let names = Dictionary(uniqueKeysWithValues: models.map { ($0.id.rawValue, $0.name) })
    let drafting = try Self.find(draft, models)
    let space = GridSpace.llamaCpp(draftModel: drafting.id.rawValue)
    let measured = try (model.isEmpty ? ["dense-q8_0", "moe-q8_0"] : model).map { try Self.find($0, models) }

    let log = try GridLog(path: output, modelNames: names)
    let deadline = ContinuousClock.now + .seconds(minutes * 60)
    var generator = SystemRandomNumberGenerator()
    while ContinuousClock.now < deadline {
      var isDone = true
      // The best differ between workloads: each has its own trial then.
      for (profile, shapes) in measured.flatMap({ model in best ? shapes.map { (model, [$0]) } : [(model, shapes)] }) {
        let chosen =
          best
          ? try bestPoints(profile.name, shapes[0].name)
          : await log.leastMeasured(
            space, profile.name, workloadCount: shapes.count, below: repeats, most: sideBySide, using: &generator)
        guard !chosen.isEmpty, ContinuousClock.now < deadline else { continue }
        isDone = false
        let trial = await log.nextTrial()
        let spec = TrialSpec(
          id: TrialID("grid-\(trial)"), benchmark: BenchmarkID("grid"), purpose: .screening, model: profile.id,
          candidates: ([[:]] + chosen.map(space.knobs)).map(Self.candidate), workloads: shapes, rounds: rounds,
          seed: UInt64.random(in: 0...UInt64(Int64.max), using: &generator), timeLimitSeconds: 1800)
        await executor.runTrial(spec) { measurement, _ in await log.add(measurement, trial: trial) }
        print("\(profile.name): trial \(trial), \(await log.count) blocks")
      }
      if isDone { break }
    }
    await executor.stop()
    if let failure = await log.failure { throw failure }
  }

  private func bestPoints(_ model: String, _ workload: String) throws(ApusError) -> [[Int]] {
    let grids = try MeasuredGrid.read(output, by: .cpu, draftModel: draft)
    let points = grids.first { $0.model == model && $0.workload == workload }?.points.dropFirst() ?? []
    return points.sorted { $0.value > $1.value }.prefix(sideBySide).map(\.levels)
  }

  private static func candidate(_ knobs: [KnobName: KnobValue]) -> Candidate {
    Candidate(configuration: EngineConfiguration(engine: EngineName("llamacpp"), knobs: knobs), fidelity: .exact)
  }

  /// A workload of half length in the shortest blocks: one request for each stream.
  private static func shape(_ name: String) throws -> Workload {
    guard var shape = Workload.builtIn.first(where: { $0.name == name })?.halved else {
      throw ValidationError(
        "no workload is named \(name): give \(Workload.builtIn.map(\.name).joined(separator: ", "))")
    }
    shape.requestCount = shape.concurrency
    return shape
  }

  private static func find(_ name: String, _ models: [ModelProfile]) throws(ApusError) -> ModelProfile {
    guard let found = models.first(where: { $0.name == name }) else {
      throw ApusError(
        .badInput, "no model is named \(name); there are \(models.map(\.name).sorted().joined(separator: ", "))",
        advice: "make them with `apus model synthesize`")
    }
    return found
  }
}

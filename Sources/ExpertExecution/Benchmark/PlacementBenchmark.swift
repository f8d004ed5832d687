public import ExpertPlacement
import Glibc
public import Messaging
public import PlacementSelection
public import Serving

/// Measures plans one after the other on the hosts of a hub, and races those that are expected to be fastest.
///
/// What is foreseen rests on hub, links and hosts as a few batches of each size found them, and on what was learned from
/// earlier measurements. Every move is from the first plan, so that their costs compare; the first plan runs a few batches
/// before it, which the other's are compared with: machines are faster at one moment than at another, and what was found of
/// them at the start is moved by as much as these batches differ from the first plan's at its own turn.
public struct PlacementBenchmark: Sendable {
  /// Batches of the first plan that count before each other plan, after one that does not.
  private static let mostBaselineRounds = 2

  let spec: PlacementBenchmarkSpec
  let hub: WorkerName
  let model: MoEModelFile
  let cluster: PlacementCluster
  let selector: PlacementSelector
  let batches: TrialBatches
  let startedAtMS: Int64

  /// - Parameter selector: what is expected of plans; the cost model alone unless something was learned.
  /// - Throws: `usage` for a strategy that is none, or more layers than the model has; `badInput` for a wish that cannot be or
  ///   a recording of another model.
  public init(
    _ spec: PlacementBenchmarkSpec, hub: WorkerName, model: MoEModelFile, cluster: PlacementCluster,
    selector: PlacementSelector = PlacementSelector(residual: nil)
  ) throws(ApusError) {
    if let fault = spec.fault { throw ApusError(.badInput, "the benchmark of placements cannot be run: \(fault)") }
    for name in spec.strategies where name != PlacementBenchmarkSpec.recommended {
      _ = try PlacementStrategies.named(name)
    }
    guard (spec.layerCount ?? 1) <= model.layerCount else {
      throw ApusError(.usage, "--layers \(spec.layerCount ?? 0) of a model with \(model.layerCount)")
    }
    var trace: RoutingTrace?
    if let routing = spec.routing {
      trace = try RoutingTrace(
        bytes: routing.experts, layerCount: routing.layerCount, topK: routing.topK, expertCount: model.expertCount)
    }
    if let trace, let size = spec.batchSizes.max(), size > trace.tokenCount {
      throw ApusError(
        .badInput, "a batch of \(size) tokens, and the recording has \(trace.tokenCount)",
        advice: "give a longer recording, or smaller batches")
    }
    self.spec = spec
    self.hub = hub
    self.model = model
    self.cluster = cluster
    self.selector = selector
    batches = try TrialBatches(
      model: model, layers: 0..<(spec.layerCount ?? model.layerCount), trace: trace, seed: spec.seed)
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    startedAtMS = Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
  }

  /// - Throws: the first error of the hub or its hosts, after the plan that it stopped was reported as failed.
  public func run(
    on hosts: ExpertHub, report: @escaping @Sendable (PlacementNews) async -> Void
  ) async throws(ApusError) {
    let calibration = try await batches.calibration(tokenCount: max(1024, spec.batchSizes.max() ?? 1))
    for size in spec.batchSizes {
      let problem = try PlacementProblem(
        trace: calibration, cluster: try await measuredCluster(calibration, batchTokens: size, on: hosts),
        geometry: model.geometry, batchTokens: size)
      var baseline: (planned: PlannedPlacement, run: PlacementRun)?
      for name in spec.strategies {
        let planned =
          name == PlacementBenchmarkSpec.recommended
          ? try await raceWinner(problem, on: hosts, report)
          : try PlannedPlacement(try PlacementStrategies.named(name), problem)
        await report(.step(PlacementStep(strategy: planned.strategy, batchTokens: size)))
        let run = try await reporting(planned, problem, report) { () async throws(ApusError) in
          try await hosts.place((baseline?.planned ?? planned).plan, layers: batches.layers)
          var now: PlacementRun?
          if baseline != nil {
            now = try await PlacementRun(
              on: hosts, hostCount: cluster.hostCount, batches: batches, batchTokens: size,
              rounds: min(spec.rounds, Self.mostBaselineRounds))
          }
          let pace = baseline.flatMap { first in now?.pace(since: first.run) } ?? 1
          let move = try await hosts.place(planned.plan, layers: batches.layers)
          let run = try await PlacementRun(
            on: hosts, hostCount: cluster.hostCount, batches: batches, batchTokens: size, rounds: spec.rounds)
          let figures = PlacementMeasurement.Figures(
            run, of: planned, correction: try correction(planned, problem), pace: pace,
            memoryBytes: await hosts.loadedBytes(), move: move, layerCount: batches.layers.count, baseline: now)
          await report(.measured(measurement(planned, problem, .completed(figures), pace: pace)))
          return run
        }
        baseline = baseline ?? (planned, run)
      }
    }
  }

  /// Says that a plan failed before it gives up; one that was cancelled did not fail.
  func reporting<Value>(
    _ planned: PlannedPlacement, _ problem: PlacementProblem, _ report: (PlacementNews) async -> Void,
    _ body: () async throws(ApusError) -> Value
  ) async throws(ApusError) -> Value {
    do throws(ApusError) {
      return try await body()
    } catch {
      if !Task.isCancelled {
        await report(.measured(measurement(planned, problem, .failed(reason: error.reason))))
      }
      throw error
    }
  }

  /// What was learned says of a plan: how many times as long as the cost model alone has it.
  func correction(_ planned: PlannedPlacement, _ problem: PlacementProblem) throws(ApusError) -> Double {
    guard let features = PlanFeatures(planned.plan, for: problem) else { return 1 }
    do {
      return try selector.seconds([features])[0] / features.analyticSeconds
    } catch {
      throw ApusError(.bug, "the learned part gave no times: \(error)")
    }
  }

  func measurement(
    _ planned: PlannedPlacement, _ problem: PlacementProblem, _ outcome: PlacementMeasurement.Outcome, pace: Double = 1
  ) -> PlacementMeasurement {
    let features = PlanFeatures(planned.plan, for: problem)
    return PlacementMeasurement(
      id: .random("placement"), benchmark: spec.id, hub: hub, model: spec.model,
      hosts: cluster.hosts.map { WorkerName($0.name) }, startedAtMS: startedAtMS, strategy: planned.strategy,
      batchTokens: problem.batchTokens, layerCount: batches.layers.count,
      problem: "\(spec.id) \(spec.model) \(problem.batchTokens) \(spec.seed)",
      foreseen: features.map {
        PlacementMeasurement.Foresight(
          encoderVersion: PlanFeatures.version, features: $0.values, analyticSeconds: $0.analyticSeconds * pace)
      }, outcome: outcome)
  }
}

extension PlacementMeasurement.Figures {
  /// - Parameters:
  ///   - correction: of what the cost model alone foresees.
  ///   - pace: how much slower everything is than when the cluster was measured.
  ///   - memoryBytes: of weights on each host.
  ///   - move: from the first plan; nil for a plan that only raced.
  ///   - baseline: what the first plan did with this batch size just before; nil for the first itself.
  init(
    _ run: PlacementRun, of planned: PlannedPlacement, correction: Double, pace: Double = 1, memoryBytes: [Int],
    move: PlacementMove? = nil, layerCount: Int, baseline: PlacementRun? = nil
  ) {
    func span(_ part: (LayerTiming) -> Double) -> PlacementMeasurement.Span {
      PlacementMeasurement.Span(p50MS: run.seconds(part, at: 0.5) * 1e3, p99MS: run.seconds(part, at: 0.99) * 1e3)
    }
    let median = run.seconds(\.totalSeconds, at: 0.5)
    let before = baseline?.seconds(\.totalSeconds, at: 0.5)
    let saving = before.map { ($0 - median) * Double(layerCount) } ?? 0
    self.init(
      passCount: run.timings.count, meanSeconds: run.meanSeconds, layer: span(\.totalSeconds),
      dispatch: span(\.dispatchSeconds), compute: span(\.computeSeconds), combine: span(\.combineSeconds),
      wait: span(\.waitSeconds), balancedness: min(1, run.balancedness), hostsPerToken: run.hostsPerToken,
      links: zip(run.linkBytesPerToken, memoryBytes).map { link, bytes in
        PlacementMeasurement.Link(
          sentBytesPerToken: link.sent, receivedBytesPerToken: link.received, memoryBytes: bytes)
      },
      move: move.map { move in
        PlacementMeasurement.Move(
          bytes: move.movedBytes, seconds: move.seconds, breakEvenBatches: saving > 0 ? move.seconds / saving : nil)
      }, speedup: before.map { $0 / median }, relativeDifference: baseline.map { run.relativeDifference(to: $0) },
      hedgedCount: run.hedged, reroutedCount: run.rerouted, unemulatedCount: run.unemulated, planMS: planned.planMS,
      predictedP50MS: planned.forecast.layerP50MS.map { $0 * correction * pace },
      lowerBoundMS: planned.forecast.lowerBoundMS)
  }
}

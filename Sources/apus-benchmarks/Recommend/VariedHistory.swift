import Acceleration
import Glibc
import Selection
import Serving

/// A history made from a seed in which everything differs in its own way: each model, machine, context, setting and pair
/// of context and configuration bends every cost by a factor that no description tells, and blocks are noisy.
///
/// So there is something to learn and something that cannot be learned: what intervals are for.
struct VariedHistory {
  /// Deviations of those factors' logarithms, and of a round's and a block's noise.
  static let spread = (model: 0.15, machine: 0.15, context: 0.12, knob: 0.15, cell: 0.06, round: 0.08, block: 0.05)
  static let modelCount = 12
  static let machineCount = 10
  /// Workloads that each model is measured in on each machine.
  static let workloadsPerPair = 2
  /// Candidates beside the default.
  static let candidatesPerContext = 5

  /// What bends by itself: TTFT, TPOT, throughput, memory, energy.
  private typealias Bend = [Double]
  private static let channels = 5

  struct Context {
    var model: ModelProfile
    var hardware: HardwareProfile
    var workload: Workload
    /// The default first.
    var candidates: [Candidate]
    fileprivate var truths: [Metrics]

    /// What a candidate costs there without noise; nil for another one.
    func trueE2EMS(_ candidate: Candidate) -> Double? {
      candidates.firstIndex { $0.configuration == candidate.configuration }.map { truths[$0].e2e.meanMS }
    }
  }

  let models: [ModelProfile]
  let contexts: [Context]
  private var generator: SeededGenerator
  private var count = 0

  init(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    func bend(_ deviation: Double) -> Bend { (0..<Self.channels).map { _ in deviation * generator.normal() } }
    let models = (0..<Self.modelCount).map { number in
      let parameters = Int(6e7 * exp(Double.random(in: 0...4, using: &generator)))
      return SyntheticHistory.model(
        number, "model-\(number)", parameters: parameters, experts: number.isMultiple(of: 4) ? 32 : 0)
    }
    let machines = (0..<Self.machineCount).map { number in
      SyntheticHistory.machine("machine-\(number)", cores: 1 << Int.random(in: 1...5, using: &generator))
    }
    let workloads = Workload.builtIn + Workload.builtIn.map(\.halved)
    let modelBends = models.map { _ in bend(Self.spread.model) }
    let machineBends = machines.map { _ in bend(Self.spread.machine) }
    var knobBends: [KnobName: Bend] = [:]
    var contexts: [Context] = []
    for (model, modelBend) in zip(models, modelBends) {
      for (hardware, machineBend) in zip(machines, machineBends) {
        for workload in workloads.shuffled(using: &generator).prefix(Self.workloadsPerPair) {
          // The models of this history alone: variants and drafts would be others of it.
          let proposed = Candidates.propose(
            in: AccelerationContext(
              model: model, available: [model], hardware: hardware, engine: SyntheticHistory.engine,
              abilities: SyntheticHistory.abilities, workload: workload, limits: Limits())
          ).filter(\.isApplicable)
          let chosen =
            [proposed[0]]
            + proposed.dropFirst().shuffled(using: &generator).prefix(Self.candidatesPerContext)
          let costs = CostModel(model: model, available: [model], hardware: hardware, workload: workload)
          let contextBend = bend(Self.spread.context)
          let truths = chosen.map { candidate in
            var total = bend(Self.spread.cell)
            for knob in candidate.configuration.knobs.keys.sorted(by: { $0.rawValue < $1.rawValue }) {
              let known = knobBends[knob] ?? bend(Self.spread.knob)
              knobBends[knob] = known
              for channel in total.indices { total[channel] += known[channel] }
            }
            for channel in total.indices {
              total[channel] += modelBend[channel] + machineBend[channel] + contextBend[channel]
            }
            return Self.metrics(costs.estimate(candidate.configuration), workload, total)
          }
          contexts.append(
            Context(model: model, hardware: hardware, workload: workload, candidates: chosen, truths: truths))
        }
      }
    }
    self.models = models
    self.contexts = contexts
    self.generator = generator
  }

  /// One trial in a context: the default and its candidates, in so many rounds.
  mutating func trial(_ context: Context, rounds: Int = 2) -> [Measurement] {
    let trial = TrialID("trial-\(count)")
    count += 1
    var measurements: [Measurement] = []
    for round in 0..<rounds {
      let drift = Self.spread.round * generator.normal()
      for (candidate, truth) in zip(context.candidates, context.truths) {
        measurements.append(
          Measurement(
            id: .random("measurement", using: &generator),
            source: .trial(trial, benchmark: BenchmarkID("varied"), purpose: .paired, round: round),
            worker: WorkerName(context.hardware.machine.rawValue), hardware: context.hardware, model: context.model,
            workload: context.workload, configuration: candidate.configuration, fidelity: candidate.fidelity,
            engineVersion: "synthetic", startedAtMS: 1_790_000_000_000 + Int64(count),
            outcome: .completed(noisy(truth, drift: drift))))
      }
    }
    return measurements
  }

  private mutating func noisy(_ truth: Metrics, drift: Double) -> Metrics {
    func factor() -> Double { exp(drift + Self.spread.block * generator.normal()) }
    var metrics = truth
    let (ttft, tpot) = (truth.ttft.meanMS * factor(), truth.tpot.meanMS * factor())
    metrics.ttft = SyntheticHistory.latency(ttft)
    metrics.tpot = SyntheticHistory.latency(tpot)
    metrics.itl = metrics.tpot
    metrics.e2e = SyntheticHistory.latency(ttft + tpot * Self.gaps(truth))
    metrics.wallSeconds *= factor()
    metrics.peakMemoryBytes = truth.peakMemoryBytes.map { Int(Double($0) * exp(0.2 * (factor() - 1))) }
    metrics.energyJoules = truth.energyJoules.map { $0 * factor() }
    return metrics
  }

  /// Token gaps of one request.
  private static func gaps(_ metrics: Metrics) -> Double {
    Double(metrics.outputTokenCount) / Double(metrics.requestCount) - 1
  }

  private static func metrics(_ estimate: CostEstimate, _ workload: Workload, _ bend: Bend) -> Metrics {
    let output = workload.requestCount * Int(workload.meanOutputTokens)
    let (ttft, tpot) = (estimate.ttftMS * exp(bend[0]), estimate.tpotMS * exp(bend[1]))
    return Metrics(
      requestCount: workload.requestCount, failedRequestCount: 0,
      promptTokenCount: workload.requestCount * Int(workload.meanPromptTokens), outputTokenCount: output,
      wallSeconds: Double(output) / estimate.throughput * exp(bend[2]), cpuSeconds: 1,
      peakMemoryBytes: Int(estimate.memoryBytes * exp(0.5 * bend[3])), loadSeconds: 0.5,
      ttft: SyntheticHistory.latency(ttft), itl: SyntheticHistory.latency(tpot), tpot: SyntheticHistory.latency(tpot),
      e2e: SyntheticHistory.latency(ttft + tpot * (workload.meanOutputTokens - 1)),
      energyJoules: estimate.joulesPerToken * Double(output) * exp(bend[4]))
  }
}

extension SeededGenerator {
  /// Standard normal (Box and Muller).
  fileprivate mutating func normal() -> Double {
    let size = (-2 * log(Double.random(in: 1e-12..<1, using: &self))).squareRoot()
    return size * cos(2 * .pi * Double.random(in: 0..<1, using: &self))
  }
}

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
  private let known: (models: [Bent<ModelProfile>], machines: [Bent<HardwareProfile>])
  private var factors: Factors
  private var count = 0

  /// With its own factors.
  private struct Bent<Thing> {
    var thing: Thing
    var bend: Bend
  }

  init(seed: UInt64, modelCount: Int = Self.modelCount, machineCount: Int = Self.machineCount) {
    var factors = Factors(seed: seed)
    let known = factors.modelsAndMachines(0..<modelCount, 0..<machineCount)
    self.known = known
    models = known.models.map(\.thing)
    contexts = known.models.flatMap { model in
      known.machines.flatMap { factors.contexts(model, $0, workloadCount: Self.workloadsPerPair) }
    }
    self.factors = factors
  }

  /// Contexts that are not in the history, by what of them is: for each pair of a model and a machine one with both, and one
  /// with either and one with neither of these. Each new machine and model is of such a pair alone, since what is new tells
  /// most by its number.
  func strangers(seed: UInt64) -> [HeldOutPart: [Context]] {
    var factors = factors
    factors.generator = SeededGenerator(seed: seed)
    var parts: [HeldOutPart: [Context]] = [:]
    let pairs = known.models.flatMap { model in known.machines.map { (model: model, machine: $0) } }
    for (number, pair) in pairs.enumerated() {
      let new = factors.pair(models.count + number, known.machines.count + number)
      let measured = contexts.filter { $0.model.id == pair.model.thing.id && $0.hardware == pair.machine.thing }
      for (part, model, machine) in [
        (HeldOutPart.known, pair.model, pair.machine), (.newHardware, pair.model, new.machine),
        (.newModel, new.model, pair.machine), (.newModelAndHardware, new.model, new.machine),
      ] {
        parts[part, default: []] += factors.contexts(
          model, machine, workloadCount: 1, without: part == .known ? measured.map(\.workload.shape) : [])
      }
    }
    return parts
  }

  /// One trial in a context: the default and its candidates, in so many rounds.
  mutating func trial(_ context: Context, rounds: Int = 2) -> [Measurement] {
    let trial = TrialID("trial-\(count)")
    count += 1
    var measurements: [Measurement] = []
    for round in 0..<rounds {
      let drift = Self.spread.round * factors.generator.normal()
      for (candidate, truth) in zip(context.candidates, context.truths) {
        measurements.append(
          Measurement(
            id: .random("measurement", using: &factors.generator),
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
    func factor() -> Double { exp(drift + Self.spread.block * factors.generator.normal()) }
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

  /// Draws what bends, in an order that the seed settles.
  private struct Factors {
    var generator: SeededGenerator
    private var knobs: [KnobName: Bend] = [:]
    private static let workloads = Workload.builtIn + Workload.builtIn.map(\.halved)

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    private mutating func bend(_ deviation: Double) -> Bend {
      (0..<VariedHistory.channels).map { _ in deviation * generator.normal() }
    }

    mutating func modelsAndMachines(
      _ modelNumbers: Range<Int>, _ machineNumbers: Range<Int>
    ) -> (models: [Bent<ModelProfile>], machines: [Bent<HardwareProfile>]) {
      let models = modelNumbers.map { number in
        let parameters = Int(6e7 * exp(Double.random(in: 0...4, using: &generator)))
        return SyntheticHistory.model(
          number, "model-\(number)", parameters: parameters, experts: number.isMultiple(of: 4) ? 32 : 0)
      }
      let machines = machineNumbers.map { number in
        SyntheticHistory.machine("machine-\(number)", cores: 1 << Int.random(in: 1...5, using: &generator))
      }
      return (
        models.map { Bent(thing: $0, bend: bend(VariedHistory.spread.model)) },
        machines.map { Bent(thing: $0, bend: bend(VariedHistory.spread.machine)) }
      )
    }

    mutating func pair(_ model: Int, _ machine: Int) -> (model: Bent<ModelProfile>, machine: Bent<HardwareProfile>) {
      let new = modelsAndMachines(model..<model + 1, machine..<machine + 1)
      return (new.models[0], new.machines[0])
    }

    mutating func contexts(
      _ model: Bent<ModelProfile>, _ machine: Bent<HardwareProfile>, workloadCount: Int, without: [String] = []
    ) -> [Context] {
      let workloads = Self.workloads.shuffled(using: &generator).filter { !without.contains($0.shape) }
      return workloads.prefix(workloadCount).map { context(model, machine, $0) }
    }

    private mutating func context(
      _ model: Bent<ModelProfile>, _ machine: Bent<HardwareProfile>, _ workload: Workload
    ) -> Context {
      // The models of this history alone: variants and drafts would be others of it.
      let proposed = Candidates.propose(
        in: AccelerationContext(
          model: model.thing, available: [model.thing], hardware: machine.thing, engine: SyntheticHistory.engine,
          abilities: SyntheticHistory.abilities, workload: workload, limits: Limits())
      ).filter(\.isApplicable)
      let chosen =
        [proposed[0]]
        + proposed.dropFirst().shuffled(using: &generator).prefix(VariedHistory.candidatesPerContext)
      let costs = CostModel(
        model: model.thing, available: [model.thing], hardware: machine.thing, workload: workload)
      let contextBend = bend(VariedHistory.spread.context)
      let truths = chosen.map { candidate in
        var total = bend(VariedHistory.spread.cell)
        for knob in candidate.configuration.knobs.keys.sorted(by: { $0.rawValue < $1.rawValue }) {
          let known = knobs[knob] ?? bend(VariedHistory.spread.knob)
          knobs[knob] = known
          for channel in total.indices { total[channel] += known[channel] }
        }
        for channel in total.indices {
          total[channel] += model.bend[channel] + machine.bend[channel] + contextBend[channel]
        }
        return VariedHistory.metrics(costs.estimate(candidate.configuration), workload, total)
      }
      return Context(
        model: model.thing, hardware: machine.thing, workload: workload, candidates: chosen, truths: truths)
    }
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

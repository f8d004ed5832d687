public import Acceleration
import Glibc
public import Serving

/// What was measured, in a form small enough to stay in memory: for each model, hardware, workload shape and
/// configuration the mean and spread of every cost, of its ratio to the engine's default in the same round, and how
/// often it failed. Raw samples are never kept.
///
/// Measurements go in once each, in the order stored; then equal histories give equal indices.
public struct EvidenceIndex: Sendable {
  /// Completed blocks and failures taken in.
  public private(set) var measurementCount = 0
  /// Measurements with figures that cannot be true, left out.
  public private(set) var refusedCount = 0
  /// Measurements that lack a figure, from which nothing is learned.
  public private(set) var incompleteCount = 0
  /// What configurations lose of a model's output.
  public private(set) var qualities = QualityEvidence()

  /// What was learned about memory estimates.
  public private(set) var memoryCorrections = MemoryCorrections()

  /// How long engines took to start.
  private var trialTimes = TrialTimes()

  /// Shapes as they are.
  private(set) var exact = EvidenceTable()
  /// Similar shapes together: paired ratios, which carry over between lengths, and what jobs took, their lengths taken out
  /// (`WorkScale`).
  private(set) var near = EvidenceTable()
  /// Blocks of one configuration an hour apart differ by 13% in the median on a busy machine; ratios within a round by
  /// about 10%.
  private(set) var levelNoise = PooledNoise(priorDeviation: 0.13)
  private(set) var pairNoise = PooledNoise(priorDeviation: 0.10)
  /// Jobs of similar lengths, once their lengths are taken out.
  private(set) var jobNoise = PooledNoise(priorDeviation: NodeEffect.noise)
  /// What became of each worker's engines.
  private(set) var nodes = NodeHistory()
  /// Why earlier measurements of some node count for less, in the order it was noticed: the newest ten of each worker.
  public var changes: [KnowledgeChange] { nodes.changes }
  /// Changes there ever were.
  public var changeCount: Int { nodes.changeCount }

  private var models: [ModelID: Int32] = [:]
  /// Kinds of machines, and homes of engine versions on them (`NodeHistory`).
  private var hardwares: [String: Int32] = [:]
  /// The model and the hardware of the last measurement with their numbers: looking them up, and making a fingerprint of
  /// the hardware, takes longer than comparing with them.
  private var lastModel: (profile: Boxed<ModelProfile>, number: Int32)?
  private var lastHardware: (profile: Boxed<HardwareProfile>, number: Int32)?
  private var lastScale: (model: Int32, hardware: Int32, scale: WorkScale)?
  /// Numbers of hardware on which energy was measured.
  private var hardwaresWithEnergy: Set<Int32> = []
  private(set) var configurations: [ConfigurationKey: Int32] = [:]
  /// Family of each configuration, by its number: those that set the same knobs are one.
  private var families: [Int32] = []
  private var familyNumbers: [[KnobName]: Int32] = [:]
  private var pairing = BlockPairing()
  /// By exact context; and over all contexts, with one stream and with several.
  private var tails: [Int32: TailRatios] = [:]
  private var commonTails: [Bool: TailRatios] = [:]

  public init() {}

  /// Contexts with at least one measurement.
  public var contextCount: Int { exact.contextCount }

  /// Takes a measurement in. Lost workers, cancelled blocks and jobs whose prompt lay in a restored slot say nothing of others
  /// and are passed over.
  ///
  /// What jobs told of a node at a time that is over twice, by a change and another one since, is forgotten: nobody looks
  /// at it, and a node whose speed changes for years would fill the memory.
  ///
  /// - Returns: what it shows to have changed.
  @discardableResult
  public mutating func insert(_ measurement: Measurement) -> [KnowledgeChange] {
    let before = changeCount
    _ = place(measurement)
    guard changeCount > before else { return [] }
    let abandoned = nodes.takeAbandoned()
    exact.forget(homes: abandoned)
    near.forget(homes: abandoned)
    return Array(changes.suffix(changeCount - before))
  }

  /// `insert`, telling where it went and forgetting nothing: nil when it was passed over or refused.
  mutating func place(_ measurement: Measurement) -> Placed? {
    qualities.insert(measurement)
    let outcome = measurement.outcome
    let isFailure = outcome.isFailureOfConfiguration
    guard isFailure || outcome.metrics != nil, !measurement.hasRestoredPrefix else { return nil }
    var costs: LogCosts?
    if !isFailure, let metrics = outcome.metrics {
      guard let read = MeasuredCosts.read(metrics) else {
        if MeasuredCosts.isIncomplete(metrics) { incompleteCount += 1 } else { refusedCount += 1 }
        return nil
      }
      costs = read
    }
    let shape = WorkloadShape(measurement.workload)
    let hardware = number(of: measurement.boxedHardware)
    let configuration = number(of: measurement.configuration)
    let home = home(of: measurement, hardware: hardware, configuration)
    var key = EvidenceTable.ContextKey(model: number(of: measurement.boxedModel), hardware: home, shape: shape)
    let context = exact.makeContext(key)
    if let costs, let known = exact.cell(context, configuration)?.level, known.count >= Outvoting.leastRepeats,
      abs(costs[.e2e] - Double(known.mean[CostMetric.e2e.rawValue])) > Outvoting.absurd
    {
      refusedCount += 1
      return nil
    }
    measurementCount += 1
    memoryCorrections.insert(measurement)
    let placed = Placed(context: context, configuration: configuration, home: home)
    let isJob = if case .job = measurement.source { true } else { false }
    guard let costs else {
      exact.addFailure(context, configuration)
      key.shape = shape.neighbourhood
      if isJob { near.addFailure(near.makeContext(key), configuration) }
      return placed
    }
    if !costs[.energy].isNaN { hardwaresWithEnergy.insert(hardware) }
    levelNoise.add(exact.addLevel(context, configuration, costs))
    if let metrics = outcome.metrics, metrics.requestCount >= TailRatios.leastRequests {
      // A job is one request; only benchmarks get here, so there are few contexts.
      tails[context, default: TailRatios()].add(metrics)
      commonTails[measurement.workload.concurrency > 1, default: TailRatios()].add(metrics)
    }

    if isJob, let metrics = outcome.metrics {
      key.shape = shape.neighbourhood
      addJob(measurement, metrics, costs, key, hardware: hardware, configuration)
    } else if case .trial(let trial, _, _, let round) = measurement.source {
      if let metrics = outcome.metrics {
        trialTimes.add(metrics.loadSeconds, model: key.model, hardware: hardware)
      }
      key.shape = shape.neighbourhood
      let block = BlockPairing.Block(
        context: context, neighbourhood: near.makeContext(key), configuration: configuration,
        costs: costs)
      exact.keep(block.context)
      near.keep(block.neighbourhood)
      let completed = pairing.add(
        block, isBaseline: measurement.configuration.knobs.isEmpty,
        BlockPairing.Key(
          trial: trial, round: round, shape: shape, model: key.model,
          engine: measurement.configuration.engine))
      for pair in completed { add(pair.block, against: pair.baseline) }
    }
    return placed
  }

  /// Where a measurement went.
  struct Placed {
    var context: Int32
    var configuration: Int32
    /// See `NodeHistory`.
    var home: Int32
  }

  private mutating func home(of measurement: Measurement, hardware: Int32, _ configuration: Int32) -> Int32 {
    // What comes from a file is not in the order in which a node went through it.
    if case .imported = measurement.source { return hardware }
    return nodes.place(measurement, hardware: hardware, family: family(of: configuration), homes: &hardwares).home
  }

  /// - Parameter key: of the job's neighbourhood.
  private mutating func addJob(
    _ measurement: Measurement, _ metrics: Metrics, _ costs: LogCosts, _ key: EvidenceTable.ContextKey,
    hardware: Int32, _ configuration: Int32
  ) {
    let outcome = RecentOutcomes.Outcome(measurement, metrics, costs)
    let scale = scale(measurement, key.model, hardware)
    var ofScale = LogCosts(
      costs.lanes
        - scale.logarithms(promptTokens: Double(outcome.promptTokens), outputTokens: Double(outcome.outputTokens)))
    ofScale[.memory] = .nan
    ofScale[.energy] = .nan
    let neighbourhood = near.makeContext(key)
    let known = near.cell(neighbourhood, configuration)?.level
    jobNoise.add(near.addLevel(neighbourhood, configuration, ofScale))
    let expected = known.map { Double($0.mean[CostMetric.e2e.rawValue]) }
    nodes.observe(
      measurement, outcome, surprise: expected.flatMap { $0.isNaN ? nil : ofScale[.e2e] - $0 },
      earlier: known?.count(.e2e) ?? 0, family: family(of: configuration))
  }

  private mutating func scale(_ measurement: Measurement, _ model: Int32, _ hardware: Int32) -> WorkScale {
    if let lastScale, lastScale.model == model, lastScale.hardware == hardware { return lastScale.scale }
    let scale = WorkScale(measurement.model, measurement.hardware)
    lastScale = (model, hardware, scale)
    return scale
  }

  private mutating func add(_ block: BlockPairing.Block, against baseline: LogCosts) {
    let ratio = block.costs.lanes - baseline.lanes
    pairNoise.add(exact.addPair(block.context, block.configuration, ratio))
    _ = near.addPair(block.neighbourhood, block.configuration, ratio)
  }

  private mutating func number(of model: Boxed<ModelProfile>) -> Int32 {
    if let lastModel, lastModel.profile == model { return lastModel.number }
    let number = Self.number(model.wrappedValue.id, &models)
    lastModel = (model, number)
    return number
  }

  private mutating func number(of hardware: Boxed<HardwareProfile>) -> Int32 {
    if let lastHardware, lastHardware.profile == hardware { return lastHardware.number }
    let number = Self.number(hardware.wrappedValue.fingerprint, &hardwares)
    lastHardware = (hardware, number)
    return number
  }

  private mutating func number(of configuration: EngineConfiguration) -> Int32 {
    let number = Self.number(ConfigurationKey(configuration), &configurations)
    if families.count == number {
      families.append(Self.number(configuration.knobs.keys.sorted(), &familyNumbers))
    }
    return number
  }

  static func number<Key: Hashable>(_ key: Key, _ numbers: inout [Key: Int32]) -> Int32 {
    if let known = numbers[key] { return known }
    let number = Int32(numbers.count)
    numbers[key] = number
    return number
  }

  // MARK: What is known

  /// The place of a context, looked up once for all its candidates.
  struct Context: Sendable {
    var exact: Int32?
    var near: Int32?
  }

  /// The numbers of a model and a hardware that were both seen.
  func place(model: ModelID, hardware: HardwareProfile) -> (model: Int32, hardware: Int32)? {
    guard let model = models[model], let hardware = hardwares[hardware.fingerprint] else {
      return nil
    }
    return (model, hardware)
  }

  /// How long an engine takes to start with a model there, as trials saw it; elsewhere where none ran there.
  func loadSeconds(model: ModelID, hardware: HardwareProfile) -> Double? {
    trialTimes.loadSeconds(place(model: model, hardware: hardware))
  }

  func hasEnergy(on hardware: HardwareProfile) -> Bool {
    hardwares[hardware.fingerprint].map(hardwaresWithEnergy.contains) ?? false
  }

  func context(model: ModelID, hardware: HardwareProfile, workload: Workload) -> Context {
    guard let place = place(model: model, hardware: hardware) else { return Context() }
    return context(model: place.model, home: place.hardware, workload)
  }

  func context(model: Int32, home: Int32, _ workload: Workload) -> Context {
    let shape = WorkloadShape(workload)
    func key(_ shape: WorkloadShape) -> EvidenceTable.ContextKey {
      EvidenceTable.ContextKey(model: model, hardware: home, shape: shape)
    }
    return Context(exact: exact.context(key(shape)), near: near.context(key(shape.neighbourhood)))
  }

  func family(of configuration: Int32) -> Int32 { families[Int(configuration)] }

  /// What a gain measured in a context counts for in an average over contexts: half where it is stale (chosen).
  func gainWeights() -> (_ context: Int32, _ configuration: Int32) -> Double {
    guard changeCount > 0 else { return { _, _ in 1 } }
    let homes = Dictionary(uniqueKeysWithValues: exact.allContexts.map { ($0.value, $0.key.hardware) })
    let engines = Dictionary(uniqueKeysWithValues: configurations.map { ($0.value, $0.key.engine) })
    return { isStale(homes[$0]!, engines[$1]!, $1) ? 0.5 : 1 }
  }

  /// Whether what was measured at a home holds for no node any more that it was measured on.
  func isStale(_ home: Int32, _ engine: EngineName, _ configuration: Int32) -> Bool {
    nodes.isStale(home, engine, family: family(of: configuration))
  }

  func configuration(_ configuration: EngineConfiguration) -> Int32? {
    configurations[ConfigurationKey(configuration)]
  }

  /// Percentile over mean where it was measured, else over all contexts; nil when nothing is known.
  func tailRatio(_ context: Context, _ metric: SLO.Metric, percentile: Int, concurrency: Int)
    -> Double?
  {
    context.exact.flatMap { tails[$0]?.ratio(metric, percentile: percentile) }
      ?? commonTails[concurrency > 1]?.ratio(metric, percentile: percentile)
      ?? commonTails[concurrency <= 1]?.ratio(metric, percentile: percentile)
  }

  /// Stored measurements of exactly this model, hardware, workload shape and configuration that completed.
  public func count(
    model: ModelID, hardware: HardwareProfile, workload: Workload,
    configuration: EngineConfiguration
  ) -> Int {
    let context = context(model: model, hardware: hardware, workload: workload)
    guard let place = context.exact, let number = self.configuration(configuration) else {
      return 0
    }
    return exact.cell(place, number).map { Int($0.level.count) } ?? 0
  }
}

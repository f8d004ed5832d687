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
  /// What configurations lose of a model's output.
  public private(set) var qualities = QualityEvidence()

  /// What was learned about memory estimates.
  public private(set) var memoryCorrections = MemoryCorrections()

  /// Shapes as they are.
  private(set) var exact = EvidenceTable()
  /// Similar shapes together: paired ratios only, as a ratio carries over between lengths and a duration does not.
  private(set) var near = EvidenceTable()
  /// Blocks of one configuration an hour apart differ by 13% in the median on a busy machine; ratios within a round by
  /// about 10%.
  private(set) var levelNoise = PooledNoise(priorDeviation: 0.13)
  private(set) var pairNoise = PooledNoise(priorDeviation: 0.10)

  private var models: [ModelID: Int32] = [:]
  private var hardwares: [String: Int32] = [:]
  /// The model and the hardware of the last measurement with their numbers: looking them up, and making a fingerprint of
  /// the hardware, takes longer than comparing with them.
  private var lastModel: (profile: Boxed<ModelProfile>, number: Int32)?
  private var lastHardware: (profile: Boxed<HardwareProfile>, number: Int32)?
  /// Numbers of hardware on which energy was measured.
  private var hardwaresWithEnergy: Set<Int32> = []
  private(set) var configurations: [ConfigurationKey: Int32] = [:]
  private var pairing = BlockPairing()
  /// By exact context; and over all contexts, with one stream and with several.
  private var tails: [Int32: TailRatios] = [:]
  private var commonTails: [Bool: TailRatios] = [:]

  public init() {}

  /// Contexts with at least one measurement.
  public var contextCount: Int { exact.contextCount }

  /// Takes a measurement in. Lost workers and cancelled blocks say nothing and are passed over.
  public mutating func insert(_ measurement: Measurement) { _ = place(measurement) }

  /// `insert`, telling where it went: nil when it was passed over or refused.
  mutating func place(_ measurement: Measurement) -> (context: Int32, configuration: Int32)? {
    qualities.insert(measurement)
    let outcome = measurement.outcome
    let isFailure = outcome.isFailureOfConfiguration
    guard isFailure || outcome.metrics != nil else { return nil }
    var costs: LogCosts?
    if !isFailure, let metrics = outcome.metrics {
      guard let read = MeasuredCosts.read(metrics) else {
        refusedCount += 1
        return nil
      }
      costs = read
    }
    measurementCount += 1
    memoryCorrections.insert(measurement)
    let shape = WorkloadShape(measurement.workload)
    var key = EvidenceTable.ContextKey(
      model: number(of: measurement.boxedModel),
      hardware: number(of: measurement.boxedHardware), shape: shape)
    let context = exact.makeContext(key)
    let configuration = Self.number(ConfigurationKey(measurement.configuration), &configurations)
    guard let costs else {
      exact.addFailure(context, configuration)
      return (context, configuration)
    }
    if !costs[.energy].isNaN { hardwaresWithEnergy.insert(key.hardware) }
    levelNoise.add(exact.addLevel(context, configuration, costs))
    if let metrics = outcome.metrics, metrics.requestCount >= TailRatios.leastRequests {
      // A job is one request; only benchmarks get here, so there are few contexts.
      tails[context, default: TailRatios()].add(metrics)
      commonTails[measurement.workload.concurrency > 1, default: TailRatios()].add(metrics)
    }

    if case .trial(let trial, _, _, let round) = measurement.source {
      key.shape = shape.neighbourhood
      let block = BlockPairing.Block(
        context: context, neighbourhood: near.makeContext(key), configuration: configuration,
        costs: costs)
      let completed = pairing.add(
        block, isBaseline: measurement.configuration.knobs.isEmpty,
        BlockPairing.Key(
          trial: trial, round: round, shape: shape, model: key.model,
          engine: measurement.configuration.engine))
      for pair in completed { add(pair.block, against: pair.baseline) }
    }
    return (context, configuration)
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

  private static func number<Key: Hashable>(_ key: Key, _ numbers: inout [Key: Int32]) -> Int32 {
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

  func hasEnergy(on hardware: HardwareProfile) -> Bool {
    hardwares[hardware.fingerprint].map(hardwaresWithEnergy.contains) ?? false
  }

  func context(model: ModelID, hardware: HardwareProfile, workload: Workload) -> Context {
    guard let place = place(model: model, hardware: hardware) else { return Context() }
    let shape = WorkloadShape(workload)
    func key(_ shape: WorkloadShape) -> EvidenceTable.ContextKey {
      EvidenceTable.ContextKey(model: place.model, hardware: place.hardware, shape: shape)
    }
    return Context(exact: exact.context(key(shape)), near: near.context(key(shape.neighbourhood)))
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

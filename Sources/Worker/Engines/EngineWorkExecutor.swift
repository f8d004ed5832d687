import Benchmarking
public import Engines
public import Messaging
public import Serving

/// Runs trials and jobs on the engines of this machine.
public final class EngineWorkExecutor: WorkExecutor {
  private let inventory: Inventory
  private let pool: EnginePool<JobEngine>
  private let lessons: MemoryLessons
  private let energyMeter: EnergyMeter?
  private let pricePerHour: Double?
  private let memoryLimitBytes: Int
  private let jobCapacity: Int
  private let rpcServers: [String]

  /// - Parameters:
  ///   - hardware: as `Capabilities.measure` found it.
  ///   - engines: what may be offered; those that are not installed are left out when it looks.
  ///   - guardPath: the executable `apus-engine-guard`.
  public init(
    configuration: WorkerConfiguration, hardware: HardwareProfile, engines: [any InferenceEngine], guardPath: String
  ) {
    let wanted = Set(configuration.engines)
    let limit = Int(Double(hardware.memoryBytes) * configuration.engineMemoryShare)
    let lessons = MemoryLessons(path: configuration.ownDirectory + "/memory.json")
    let energyMeter = EnergyMeter(powercapDirectory: configuration.powercap)
    let inventory = Inventory(
      engines: engines.filter { wanted.isEmpty || wanted.contains($0.name) },
      library: ModelLibrary(directory: configuration.modelsDirectory), attachments: configuration.attachments,
      worker: WorkerName(configuration.name),
      hardware: hardware, guardPath: guardPath, memoryLimitBytes: limit, memoryGuard: configuration.memoryGuard,
      energyMeter: energyMeter, lessons: lessons)
    self.energyMeter = energyMeter
    pricePerHour = configuration.pricePerHour
    self.lessons = lessons
    memoryLimitBytes = limit
    self.inventory = inventory
    jobCapacity = configuration.jobCapacity
    rpcServers = configuration.rpcServers
    let restoresSlots = configuration.restoresSlots
    pool = EnginePool(engineLimit: configuration.warmEngineCount, memoryLimitBytes: limit) {
      key async throws(EngineFailure) -> JobEngine in
      let host = inventory.host
      guard let model = host.profile(key.model) else {
        throw .ended(reason: "the model \(key.model) is not here any more", lastLines: "")
      }
      let kept = restoresSlots ? host.restoringSlots(key.configuration) : key.configuration
      let process = try await host.launch(kept, model: model, contextTokens: key.contextTokens)
      return JobEngine(process, restoresSlots: kept[.slotStore] == .bool(true))
    }
  }

  /// Whether a model's file is here, for `ModelReceiver`.
  public func hasModel(_ model: ModelID) -> Bool { inventory.has(model) }
  /// Of a model's file; nil when it is not here.
  public func modelPath(_ model: ModelID) -> String? { inventory.path(of: model) }
  /// Ends engines that serve nothing, for work that needs their memory.
  public func evictIdle() async { await pool.evictIdle() }

  public func describe() async throws(ApusError) -> WorkerDescription {
    try await inventory.look()
    return WorkerDescription(
      hardware: inventory.describedHardware, engines: inventory.installedEngines, models: inventory.models,
      jobCapacity: jobCapacity,
      pricePerHour: pricePerHour, engineMemoryBytes: memoryLimitBytes, measuresEnergy: energyMeter != nil,
      rpcServers: rpcServers)
  }

  public var refusedModels: [ModelLibrary.Refusal] { inventory.refusedModels }

  public func modelsHaveChanged() async -> Bool { await inventory.modelsHaveChanged() }

  public func warmConfigurations() async -> [String] { await pool.warmConfigurations }

  @concurrent
  public func runTrial(
    _ spec: TrialSpec, report: @escaping @Sendable (Measurement, _ isLast: Bool) async -> Void
  ) async {
    await pool.evictIdle()
    await TrialRunner(host: inventory.host).run(spec) { [lessons] measurement, isLast in
      lessons.learn(measurement)
      if isLast { lessons.keep() }
      await report(measurement, isLast)
    }
  }

  @concurrent
  public func runJob(
    _ assignment: JobAssignment, onTokens: @escaping @Sendable (GeneratedTokens) -> Void
  ) async -> JobAnswer {
    let host = inventory.host
    let configuration = assignment.candidate.configuration
    do throws(EngineFailure) {
      guard let model = host.profile(assignment.spec.model) else {
        throw .ended(reason: "the model \(assignment.spec.model) is not on \(host.worker)", lastLines: "")
      }
      let request = JobRequest(
        job: assignment.job, spec: assignment.spec, candidate: assignment.candidate,
        generatedTokenIDs: assignment.generatedTokenIDs, generatedText: assignment.generatedText)
      // A server that somebody else started has a place for everybody, takes none in the pool, and stays when we go.
      if host.isAttached(configuration.engine) {
        let server = try await host.run(configuration, model: model, contextTokens: nil)
        return await JobRunner(host: host).run(request, on: server, onTokens: onTokens)
      }
      let loaded = host.loadedModel(configuration, asked: model) ?? model
      let context = ContextBudget.tokens(for: assignment.spec, contextLength: loaded.contextLength)
      let answer = try await run(request, model, contextTokens: context, on: host, onTokens)
      let most = ContextBudget.tokens(
        for: assignment.spec, contextLength: loaded.contextLength, isDense: true)
      guard answer.finishReason == .promptTooLong, most > context else { return answer }
      // Its tokens have fewer bytes than most texts' have.
      return try await run(request, model, contextTokens: most, on: host, onTokens)
    } catch {
      let reporter = Reporter(
        worker: host.worker, hardware: host.hardware, model: host.profile,
        engineVersion: { host.engineVersions[$0] })
      return JobAnswer(
        measurement: .unstarted(.job(assignment), outcome: error.outcome, by: reporter),
        output: assignment.generatedText)
    }
  }

  private func run(
    _ request: JobRequest, _ model: ModelProfile, contextTokens: Int, on host: EngineHost,
    _ onTokens: @escaping @Sendable (GeneratedTokens) -> Void
  ) async throws(EngineFailure) -> JobAnswer {
    let configuration = request.candidate.configuration
    let loan = try await pool.acquire(
      EngineKey(model: model.id, configuration: configuration, contextTokens: contextTokens),
      slotCount: host.slotCount(configuration),
      memoryBytes: host.plannedRoom(configuration, model: model, contextTokens: contextTokens))
    let engine = loan.engine
    var (answer, wasSpared) = await engine.following(request.spec, begun: request.generatedText) {
      await JobRunner(host: host).run(request, on: engine.process, onTokens: onTokens)
    }
    let estimate = host.memoryEstimate(configuration, model: model, contextTokens: contextTokens)
    let room = answer.measurement.outcome.metrics.flatMap {
      host.measuredRoom($0, of: configuration.engine, usesAccelerators: estimate.acceleratorBytes > 0)
    }
    await pool.release(loan, measuredBytes: room)
    // What was run is more than what was chosen, and its time is not the choice's.
    if wasSpared { answer.measurement.configuration = host.restoringSlots(configuration) }
    answer.measurement.memoryEstimateBytes = estimate.totalBytes
    answer.measurement.acceleratorMemoryEstimateBytes = estimate.acceleratorEstimateBytes
    lessons.learn(answer.measurement)
    return answer
  }

  @concurrent
  public func warmUp(_ wish: EngineWarmUp) async throws(EngineFailure) {
    let host = inventory.host
    let configuration = wish.configuration
    guard let model = host.profile(wish.model) else {
      throw .ended(reason: "the model \(wish.model) is not on \(host.worker)", lastLines: "")
    }
    guard !host.isAttached(configuration.engine) else { return }
    let most = (host.loadedModel(configuration, asked: model) ?? model).contextLength
    let contextTokens = most > 0 ? min(wish.contextTokens, most) : wish.contextTokens
    try await pool.warmUp(
      EngineKey(model: model.id, configuration: configuration, contextTokens: contextTokens),
      slotCount: host.slotCount(configuration),
      memoryBytes: host.plannedRoom(configuration, model: model, contextTokens: contextTokens))
  }

  public func launch(_ query: LaunchQuery) async throws(ApusError) -> EngineLaunch {
    guard (1...65535).contains(query.port), !query.host.isEmpty, query.contextTokens >= 1 else {
      throw ApusError(
        .badInput,
        "an engine cannot listen on \(query.host):\(query.port) with \(query.contextTokens) tokens of context",
        advice: "give a host, a port from 1 to 65535 and at least one token")
    }
    return try inventory.host.publishedLaunch(query)
  }

  public func stop() async {
    await pool.stop()
    lessons.keep()
  }
}

public import Acceleration
public import Engines
public import Serving

/// A worker's machine as benchmarks and jobs see it: which engines and models it has, and how to start one.
public struct EngineHost: Sendable {
  public var engines: [any InferenceEngine]
  /// The file of a model; nil when this worker does not have it.
  public var modelPath: @Sendable (ModelID) -> String?
  public var profile: @Sendable (ModelID) -> ModelProfile?
  public var worker: WorkerName
  public var hardware: HardwareProfile
  public var engineVersions: [EngineName: String]
  public var guardPath: String
  /// Processors this worker may use, by the kernel's numbers; empty when it did not say.
  public var processors: CPUList
  /// Most memory one engine may take, and all loaded ones together are planned to take.
  public var memoryLimitBytes: Int
  /// Of attached engines whose server runs on this machine and may be looked at.
  public var attachedProcesses: [EngineName: ListeningProcess]
  /// How that limit is held.
  public var memoryGuard: MemoryGuard
  /// What memory estimates were learned to be off by.
  public var corrections: MemoryCorrections
  /// Nil where no energy counter can be read.
  public var energyMeter: EnergyMeter?

  public init(
    engines: [any InferenceEngine], modelPath: @escaping @Sendable (ModelID) -> String?,
    profile: @escaping @Sendable (ModelID) -> ModelProfile?, worker: WorkerName, hardware: HardwareProfile,
    engineVersions: [EngineName: String], guardPath: String, memoryLimitBytes: Int,
    attachedProcesses: [EngineName: ListeningProcess] = [:], processors: CPUList = CPUList([]),
    memoryGuard: MemoryGuard = .auto, corrections: MemoryCorrections = MemoryCorrections(),
    energyMeter: EnergyMeter? = nil
  ) {
    self.engines = engines
    self.modelPath = modelPath
    self.profile = profile
    self.worker = worker
    self.hardware = hardware
    self.engineVersions = engineVersions
    self.guardPath = guardPath
    self.memoryLimitBytes = memoryLimitBytes
    self.attachedProcesses = attachedProcesses
    self.processors = processors
    self.memoryGuard = memoryGuard
    self.corrections = corrections
    self.energyMeter = energyMeter
  }

  public func engine(_ name: EngineName) -> (any InferenceEngine)? { engines.first { $0.name == name } }

  /// The model whose file a configuration loads: the variant it names, or the one asked for.
  public func loadedModel(_ configuration: EngineConfiguration, asked: ModelProfile) -> ModelProfile? {
    guard let variant = configuration[.weightVariant]?.textValue else { return asked }
    return profile(ModelID(variant))
  }

  /// Tokens of the document a model is known to repeat, as its file says (see `TokenSource.editDocument`); nil when it
  /// says nothing. Reads the file's header.
  func editDocument(_ model: ModelID) -> [Int32]? {
    guard let path = modelPath(model),
      let tokens = try? ModelReader.editDocument(path: path)
    else { return nil }
    return tokens.compactMap { Int32(exactly: $0) }
  }

  /// What to run for a configuration.
  ///
  /// - Parameter contextTokens: of each slot; nil for the engine's own default. Cut to what the model can.
  /// - Throws: `unavailable` when the engine or a file is not here, `badInput` when the engine cannot do what it says.
  public func launchPlan(
    _ configuration: EngineConfiguration, model: ModelProfile, contextTokens: Int?
  ) throws(ApusError) -> LaunchPlan {
    try engine(for: configuration).launchPlan(
      try launchRequest(configuration, model: model, contextTokens: contextTokens, port: try LoopbackPort.free()))
  }

  func engine(for configuration: EngineConfiguration) throws(ApusError) -> any InferenceEngine {
    guard let engine = engine(configuration.engine) else {
      throw ApusError(
        .unavailable, "the engine \(configuration.engine) is not on \(worker)",
        advice: "`apus doctor` on that machine says how to install it.")
    }
    return engine
  }

  /// What an engine's adapter is asked for a configuration.
  func launchRequest(
    _ configuration: EngineConfiguration, model: ModelProfile, contextTokens: Int?, port: Int
  ) throws(ApusError) -> LaunchRequest {
    let engine = try engine(for: configuration)
    guard let loaded = loadedModel(configuration, asked: model),
      let path = engine.isAttached ? "" : modelPath(loaded.id)
    else {
      throw ApusError(
        .unavailable, "the model \(configuration[.weightVariant]?.textValue ?? model.name) is not on \(worker)",
        advice: "`apus model push` copies it there.")
    }
    guard engine.formats.contains(loaded.format) else {
      throw ApusError(
        .badInput, "\(loaded.name) is in \(loaded.format.rawValue) format, which \(engine.name) does not load",
        advice: "It loads \(engine.formats.map(\.rawValue).sorted().joined(separator: ", ")).")
    }
    var draftPath: String?
    if let draft = configuration[.draftModel]?.textValue {
      guard let found = modelPath(ModelID(draft)) else {
        throw ApusError(
          .unavailable, "the draft model \(draft) is not on \(worker)", advice: "`apus model push` copies it there.")
      }
      draftPath = found
    }
    let longest = loaded.contextLength > 0 ? loaded.contextLength : Int.max
    return LaunchRequest(
      modelPath: path, model: loaded, draftModelPath: draftPath, configuration: try placed(configuration),
      coreCount: hardware.coreCount, contextTokens: contextTokens.map { min($0, longest) }, port: port)
  }

  /// Whether an engine is a server that somebody else started.
  public func isAttached(_ engine: EngineName) -> Bool { self.engine(engine)?.isAttached ?? false }

  /// Starts an engine with a configuration and waits until it is ready, or attaches to a server that has the model.
  ///
  /// - Throws: how it failed; a configuration that cannot be run at all is a failure like any other.
  public func run(
    _ configuration: EngineConfiguration, model: ModelProfile, contextTokens: Int?
  ) async throws(EngineFailure) -> any RunningEngine {
    guard isAttached(configuration.engine) else {
      return try await launch(configuration, model: model, contextTokens: contextTokens)
    }
    let plan: LaunchPlan
    do throws(ApusError) {
      plan = try launchPlan(configuration, model: model, contextTokens: contextTokens)
    } catch {
      throw .ended(reason: error.description, lastLines: "")
    }
    guard let server = plan.server else { preconditionFailure("an attached engine plans to attach") }
    return try await AttachedServer.attach(to: server, process: attachedProcesses[configuration.engine])
  }

  /// The configuration with slots that outlive the engine, where its engine can do so beside what the configuration asks
  /// for; otherwise the configuration. Whatever is found in a slot was computed as it would be again, so an answer does not
  /// change.
  public func restoringSlots(_ configuration: EngineConfiguration) -> EngineConfiguration {
    let knobs = configuration.knobs.merging([.slotStore: .bool(true)]) { said, _ in said }
    guard engine(configuration.engine)?.knobs.contains(.slotStore) == true, knobs[.slotStore] == .bool(true),
      KnobRules.violation(of: knobs) == nil
    else { return configuration }
    return configuration.adding(SlotRestore().name, knobs)
  }

  /// A configuration whose `thread_affinity` names processors by the kernel's numbers.
  ///
  /// - Throws: `badInput` when it names a core this worker does not have.
  func placed(_ configuration: EngineConfiguration) throws(ApusError) -> EngineConfiguration {
    guard let text = configuration[.threadAffinity]?.textValue, !processors.isEmpty else { return configuration }
    guard let positions = CPUList(parsing: text), let placed = processors.at(positions) else {
      throw ApusError(
        .badInput, "thread_affinity=\(text) names a core that \(worker) does not have",
        advice: "Name some of its \(processors.count) cores, counted from 0, such as 0-\(processors.count - 1).")
    }
    return EngineConfiguration(
      engine: configuration.engine, methods: configuration.methods,
      knobs: configuration.knobs.merging([.threadAffinity: .text(placed.description)]) { $1 })
  }

  /// Starts an engine with a configuration and waits until it is ready.
  ///
  /// - Precondition: it is not an attached one.
  /// - Throws: how it failed; a configuration that cannot be started at all is a failure like any other.
  public func launch(
    _ configuration: EngineConfiguration, model: ModelProfile, contextTokens: Int?
  ) async throws(EngineFailure) -> EngineProcess {
    let plan: LaunchPlan
    do {
      plan = try launchPlan(configuration, model: model, contextTokens: contextTokens)
    } catch {
      throw .ended(reason: error.description, lastLines: "")
    }
    let process = try await EngineProcess.start(
      plan, guardPath: guardPath, memoryLimitBytes: memoryLimitBytes, memoryGuard: memoryGuard)
    if let asked = plan.shape, let contradiction = await said(by: process, configuration)?.contradiction(of: asked) {
      await process.stop()
      throw .ended(reason: "the engine runs, but not as configured: \(contradiction)", lastLines: process.lastLines)
    }
    return process
  }

  /// What a ready engine says of itself. Nil when it does not: a server too old for the question is taken at its word, and
  /// one that died fails its first request.
  private func said(by process: EngineProcess, _ configuration: EngineConfiguration) async -> EngineShape? {
    let client = StreamingClient(limits: RequestLimits(stallSeconds: 30, totalSeconds: 60))
    return try? await client.shape(at: endpoint(of: process, configuration))
  }

  /// Bytes a configuration is estimated to take, before anything that was learned.
  ///
  /// - Parameter contextTokens: of each slot; nil for the model's whole context.
  public func memoryEstimate(
    _ configuration: EngineConfiguration, model: ModelProfile, contextTokens: Int?
  ) -> MemoryEstimate {
    let named = [configuration[.weightVariant], configuration[.draftModel]].compactMap { $0?.textValue }
    return MemoryEstimate(
      configuration, asked: model, available: named.compactMap { profile(ModelID($0)) }, hardware: hardware,
      contextTokens: contextTokens ?? (loadedModel(configuration, asked: model) ?? model).contextLength)
  }

  /// Bytes to keep free for a configuration: the estimate with what was learned of it, and a margin.
  public func plannedMemory(
    _ configuration: EngineConfiguration, model: ModelProfile, contextTokens: Int?
  ) -> Int {
    guard !isAttached(configuration.engine) else { return 0 }
    return corrections.plannedBytes(memoryEstimate(configuration, model: model, contextTokens: contextTokens))
  }

  /// Room that a configuration's engine takes among others here, in bytes of main memory, of which there is
  /// `memoryLimitBytes`: more than it is to keep free where it fills a larger share of its GPUs.
  public func plannedRoom(
    _ configuration: EngineConfiguration, model: ModelProfile, contextTokens: Int?
  ) -> Int {
    guard !isAttached(configuration.engine) else { return 0 }
    return corrections.plannedRoomBytes(
      memoryEstimate(configuration, model: model, contextTokens: contextTokens), on: hardware,
      memoryLimitBytes: memoryLimitBytes)
  }

  /// Room that an engine takes here by what was measured of it; nil where nobody saw all of it.
  ///
  /// - Parameter usesAccelerators: whether it has a part of GPUs' memory.
  public func measuredRoom(_ metrics: Metrics, of engine: EngineName, usesAccelerators: Bool) -> Int? {
    guard let peak = metrics.peakMemoryBytes else { return nil }
    guard usesAccelerators else { return peak }
    return metrics.acceleratorMemoryBytes.map {
      hardware.roomBytes(main: peak, accelerators: $0, of: engine, memoryLimitBytes: memoryLimitBytes)
    }
  }

  /// Requests an engine serves at once with a configuration.
  public func slotCount(_ configuration: EngineConfiguration) -> Int {
    configuration[.slotCount]?.intValue ?? engine(configuration.engine)?.defaultSlotCount ?? 1
  }

  /// Where a running engine is spoken to.
  ///
  /// - Precondition: the configuration's engine is on this host, as it is for one that `launch` started.
  public func endpoint(of running: any RunningEngine, _ configuration: EngineConfiguration) -> EngineEndpoint {
    guard let engine = engine(configuration.engine) else {
      preconditionFailure("an engine of \(configuration.engine) runs on a host that has none")
    }
    return running.endpoint(engine.dialect)
  }

  public func version(of engine: EngineName) -> String { engineVersions[engine] ?? "unknown" }
}

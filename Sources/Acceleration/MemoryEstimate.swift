public import Serving

/// Bytes an engine will take with a configuration, foreseen from the sizes of the model and of the configuration alone.
///
/// Weights and cache are arithmetic; the compute buffer is that of llama.cpp (one step's logits or its widest layer, and
/// its attention scores where attention is not fused); the rest is the engine's own (`EngineFootprint`). What this gets
/// wrong for an engine and a model is learned from what they really took (`MemoryCorrections`).
///
/// The parts are those in main memory. What a configuration puts on GPUs (`AcceleratorShare`) is one figure beside them.
public struct MemoryEstimate: Hashable, Sendable, CustomStringConvertible {
  /// The engine, and the model whose file it loads: what its errors are learned by.
  public var engine: EngineName
  public var model: ModelID
  public var weightBytes: Int
  /// Key-value cache of all slots.
  public var cacheBytes: Int
  /// The draft model with its cache; 0 without one.
  public var draftBytes: Int
  /// Buffers of one compute step.
  public var computeBytes: Int
  /// The engine's code, runtime and bookkeeping.
  public var engineBytes: Int
  /// In the memory of all the GPUs it computes on together; 0 where it computes on none.
  public var acceleratorBytes: Int
  /// What of the model is there.
  public var acceleratorShare: AcceleratorShare

  /// Nil where it computes on no GPU.
  public var acceleratorEstimateBytes: Int? { acceleratorBytes > 0 ? acceleratorBytes : nil }

  /// In main memory.
  public var totalBytes: Int { weightBytes + cacheBytes + draftBytes + computeBytes + engineBytes }

  /// Tokens of context for drafted tokens and what a tokenizer adds; engines round contexts up to `contextStep`.
  static let contextMargin = 64.0
  static let contextStep = 256.0

  public init(_ configuration: EngineConfiguration, in context: AccelerationContext) {
    self.init(
      configuration, asked: context.model, available: context.available, hardware: context.hardware,
      contextTokens: Self.contextTokens([context.workload]))
  }

  /// - Parameters:
  ///   - hardware: of the node, whose GPUs hold what its engine puts there.
  ///   - contextTokens: of each slot; cut to what the model can.
  public init(
    _ configuration: EngineConfiguration, asked: ModelProfile, available: [ModelProfile], hardware: HardwareProfile,
    contextTokens: Int
  ) {
    // Threads take no memory worth counting.
    let settings = EngineSettings(configuration, coreCount: 1)
    self.init(
      settings, LoadedModels(settings, asked: asked, available: available), engine: configuration.engine,
      accelerators: hardware.accelerators(of: configuration.engine), contextTokens: contextTokens)
  }

  /// - Parameters:
  ///   - accelerators: those that the engine computes on.
  ///   - contextTokens: of each slot; cut to what the model can.
  public init(
    _ settings: EngineSettings, _ loaded: LoadedModels, engine: EngineName, accelerators: [Accelerator],
    contextTokens: Int
  ) {
    let model = loaded.target
    self.engine = engine
    self.model = model.id
    let footprint = EngineFootprint.of(engine)
    let slots = Double(settings.slotCount)
    let slotTokens = Double(
      model.contextLength > 0 ? min(contextTokens, model.contextLength) : contextTokens)
    let elementBytes = (settings.keyElementBytes + settings.valueElementBytes) / 2
    let cache = slots * slotTokens * model.keyValueBytesPerToken(bytesPerElement: elementBytes)
    // Buffers are used again within a step, so its widest part decides: the logits or the feed-forward layer.
    let step = min(Double(min(settings.microBatchTokens, settings.batchTokens)), slots * slotTokens)
    let hidden = Double(model.hiddenSize)
    let width = max(
      Double(model.vocabularySize) + 2 * hidden,
      2 * Double(model.feedForwardSize) * Double(max(1, model.expertsPerToken)) + 4 * hidden)
    let scores = settings.flashAttention == false ? Double(model.headCount) * slotTokens : 0
    let compute = 4 * step * (width + scores)
    let draft = loaded.draft.map { ($0, cache: slots * slotTokens * $0.keyValueBytesPerToken()) }

    guard !accelerators.isEmpty, settings.mayUseAccelerators else {
      acceleratorShare = .none
      acceleratorBytes = 0
      weightBytes = Self.whole(footprint.weightBytes(model))
      cacheBytes = Self.whole(cache)
      draftBytes = draft.map { Self.whole(footprint.weightBytes($0) + $1 + footprint.bytesPerModel) } ?? 0
      computeBytes = Self.whole(compute)
      engineBytes = Self.whole(footprint.processBytes + footprint.bytesPerModel)
      return
    }
    // A draft model goes there whole, before the layers do.
    let there =
      Double(accelerators.count) * EngineFootprint.contextBytes + compute
      + (draft.map { Double($0.weightBytes) + $1 } ?? 0)
    let memory = accelerators.reduce(0) { $0 + Double($1.memoryBytes) }
    let capacity = Self.usableShare * memory
    let layered = Double(model.weightBytes) + cache
    let share = AcceleratorShare(
      settings, model, fitting: max(0, min(1, (capacity - there) / max(1, layered))))
    acceleratorShare = share
    acceleratorBytes = Self.whole(
      max(
        there + share.weights * Double(model.weightBytes) + share.layers * cache,
        footprint.reservedAcceleratorShare * memory))
    // The mapped file stays in memory until the GPU has it, and that is the most it takes.
    weightBytes = Self.whole(
      max(Double(model.weightBytes), (1 - share.weights) * footprint.weightBytes(model)))
    cacheBytes = Self.whole((1 - share.layers) * cache)
    draftBytes = draft == nil ? 0 : Self.whole(footprint.bytesPerModel)
    // The logits come back, and what the processor computes needs its own buffers.
    computeBytes = Self.whole(share.layers < 1 ? compute : 4 * slots * Double(model.vocabularySize))
    engineBytes = Self.whole(footprint.processBytes + footprint.bytesPerModel + EngineFootprint.driverBytes)
  }

  /// Of GPUs' memory, what engines can have of it: some is the driver's, and some is lost between blocks.
  public static let usableShare = 0.95

  /// Why the GPUs that an engine computes on cannot hold its part; nil when they can. What is expected decides, without a
  /// margin: an engine that finds too little there ends by itself, and harms nobody.
  ///
  /// - Parameters:
  ///   - accelerators: those that the engine computes on.
  ///   - correction: what was learned of estimates of their memory.
  func acceleratorRefusal(_ accelerators: [Accelerator], _ correction: MemoryCorrection) -> String? {
    let memory = accelerators.reduce(0) { $0 + $1.memoryBytes }
    // An engine that takes as many layers as there is room for finds that by itself.
    let expected = acceleratorShare.isFitted ? acceleratorBytes : correction.expectedBytes(acceleratorBytes)
    guard Double(expected) > Self.usableShare * Double(memory) else { return nil }
    let percent = Int((100 * acceleratorShare.layers).rounded())
    return
      "\(Self.megabytes(expected)) for \(percent)% of the layers are over \(Int(100 * Self.usableShare))% of "
      + "the GPUs' \(Self.megabytes(memory))"
  }

  /// Tokens of context in each slot that every one of these workloads fits in.
  public static func contextTokens(_ workloads: [Workload]) -> Int {
    let longest =
      workloads.map { Double($0.promptTokens.upperBound) + Double($0.outputTokens.upperBound) }.max() ?? 0
    return whole(((longest + contextMargin) / contextStep).rounded(.up) * contextStep)
  }

  /// Figures so large that they cannot be true stay large, and sums of them stay numbers.
  private static func whole(_ bytes: Double) -> Int { Int(min(max(0, bytes), 1e17)) }

  static func megabytes(_ bytes: Int) -> String { "\((bytes + (1 << 19)) >> 20) MB" }

  public var description: String {
    let parts = [
      ("weights", weightBytes), ("cache", cacheBytes), ("draft", draftBytes),
      ("compute buffers", computeBytes), ("engine", engineBytes),
    ]
    let words = parts.filter { $0.1 > 0 }.map { "\($0.0) \(Self.megabytes($0.1))" }.joined(
      separator: " + ")
    let onAccelerators = acceleratorBytes > 0 ? ", besides \(Self.megabytes(acceleratorBytes)) on GPUs" : ""
    return "\(words) = \(Self.megabytes(totalBytes))\(onAccelerators)"
  }
}

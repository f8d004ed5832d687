import Acceleration
import Glibc
public import Serving

/// What a configuration would cost if the hardware did its best: a roofline (Williams, Waterman, Patterson: Roofline,
/// CACM 2009) with queueing for slots, shared prefixes and speculation.
///
/// Intuition: reading prompts is bound by arithmetic, writing tokens by reading the weights once for each step. Slots
/// share a step's weights, drafts make a step worth several tokens, and both stop paying when arithmetic binds. Real
/// engines are slower by factors that the selector learns; what this model gives it is which way things go in contexts
/// nobody has measured.
public struct CostModel: Sendable {
  let asked: ModelProfile
  let available: [ModelProfile]
  let hardware: HardwareProfile
  let workload: Workload
  private let contextTokens: Int

  /// Seconds an engine spends on each step and request whatever the model; measured with llama.cpp's server on models
  /// so small that nothing else was left.
  static let stepSeconds = 0.2e-3
  static let requestSeconds = 3e-3
  /// Attention over a quantized cache on a processor against half precision, and unfused against fused (measured on
  /// 1500-token prompts: 2.4 and 1.4 times the whole prefill; these are the attention's share).
  static let quantizedAttention = 4.0
  static let unfusedAttention = 2.0
  /// Share of drafted tokens that is accepted, before anything was measured: from 69 to 84% for drafts of a model's
  /// own family, 52 to 72% for n-grams on text that repeats itself.
  static let draftAcceptance = 0.7
  static let repeatedAcceptance = 0.65

  public init(
    model: ModelProfile, available: [ModelProfile], hardware: HardwareProfile, workload: Workload
  ) {
    asked = model
    self.available = available
    self.hardware = hardware
    self.workload = workload
    contextTokens = MemoryEstimate.contextTokens([workload])
  }

  public func estimate(_ configuration: EngineConfiguration) -> CostEstimate {
    let settings = EngineSettings(configuration, coreCount: hardware.coreCount)
    let loaded = LoadedModels(settings, asked: asked, available: available)
    let memory = MemoryEstimate(
      settings, loaded, engine: configuration.engine, accelerators: hardware.accelerators(of: configuration.engine),
      contextTokens: contextTokens)
    let rates = Rates(hardware, settings, threads: settings.threadCount, memory)
    let readingRates = Rates(hardware, settings, threads: settings.batchThreadCount, memory)
    let prompt = workload.meanPromptTokens
    let output = max(1, workload.meanOutputTokens)

    // How many requests share a step.
    let inFlight = Double(max(1, workload.concurrency))
    let slots = Double(settings.slotCount)
    var batch = min(slots, inFlight)

    // Prompt tokens left to read when a slot keeps the prefix of its last request.
    let perSlot = max(1, inFlight / slots)
    let cached = settings.isPrefixCaching ? workload.sharedPrefixShare * (1 - 1 / perSlot) : 0
    let newTokens = max(1, prompt * (1 - cached))

    let prefill = prefillSeconds(newTokens, context: prompt, loaded.target, settings, readingRates)
    func stepTime(_ batch: Double) -> (seconds: Double, tokens: Double, acceptance: Double) {
      decodeStep(batch, context: prompt + output / 2, loaded, settings, rates)
    }
    var step = stepTime(batch)
    if let rate = workload.arrivalRate {
      // As many share a step as are served at once on average (Little's law), at most the slots.
      batch = min(slots, max(1, rate * (prefill + (output - 1) / step.tokens * step.seconds)))
      step = stepTime(batch)
    }

    let tpot = step.seconds / step.tokens
    let decode = (output - 1) * tpot
    // The prompts of one wave are read one after another, then its members write together.
    let wave = batch * prefill + decode + Self.requestSeconds
    let wait: Double
    if let rate = workload.arrivalRate {
      let load = min(0.95, rate * wave / batch)
      wait = wave / batch * load / (1 - load)
    } else {
      wait = ((inFlight / batch).rounded(.up) - 1) / 2 * wave
    }
    let ttft = wait + (batch + 1) / 2 * prefill + Self.requestSeconds
    return CostEstimate(
      settings: settings, isComplete: loaded.isComplete, weightBytes: loaded.target.weightBytes,
      draftWeightBytes: loaded.draft?.weightBytes, draftActiveWeightBytes: loaded.draft?.activeWeightBytes,
      acceleratorShare: memory.acceleratorShare.work,
      batch: batch, prefillSeconds: prefill, stepSeconds: step.seconds, waitSeconds: wait,
      cachedShare: cached,
      acceptance: step.acceptance, tokensPerStep: step.tokens, ttftMS: 1000 * ttft,
      tpotMS: 1000 * tpot,
      e2eMS: 1000 * (ttft + decode),
      throughput: batch * output / wave,
      memoryBytes: Double(memory.totalBytes),
      joulesPerToken: rates.watts * wave / (batch * output))
  }

  /// Reading `tokens` new tokens of a prompt that ends at `context`.
  private func prefillSeconds(
    _ tokens: Double, context: Double, _ model: ModelProfile, _ settings: EngineSettings,
    _ rates: Rates
  ) -> Double {
    let steps = (tokens / Double(min(settings.microBatchTokens, settings.batchTokens))).rounded(.up)
    let attention =
      attentionFlops(model, tokens: tokens, context: context / 2) * attentionFactor(settings, rates)
    let compute = (2 * Double(model.activeParameterCount) * tokens + attention) / rates.flops
    // Every step reads the weights; a step of many tokens touches all experts.
    let reading = steps * touchedBytes(model, tokens: tokens / steps) / rates.bytes
    return max(compute, reading) + steps * Self.stepSeconds
  }

  /// One step in which `batch` streams each verify what was drafted for them and write on.
  private func decodeStep(
    _ batch: Double, context: Double, _ loaded: LoadedModels, _ settings: EngineSettings,
    _ rates: Rates
  ) -> (seconds: Double, tokens: Double, acceptance: Double) {
    let drafted = Double(settings.draftTokens)
    var acceptance = 0.0
    var verified = 1.0
    var tokens = 1.0
    var drafting = 0.0
    switch settings.speculation {
    case .none: break
    case .draftModel, .eagle, .mtp:
      acceptance = Self.draftAcceptance
      verified = 1 + drafted
      // Expected length of an accepted run plus the token of the model itself (Leviathan et al., equation 1).
      tokens = (1 - pow(acceptance, drafted + 1)) / (1 - acceptance)
      if let draft = loaded.draft {
        drafting =
          drafted
          * stepSeconds(draft, batch: batch, tokens: batch, context: context, settings, rates)
      } else if settings.speculation == .mtp {
        // One more layer of the model for each drafted token.
        drafting =
          drafted / Double(max(1, loaded.target.layerCount))
          * stepSeconds(loaded.target, batch: batch, tokens: batch, context: context, settings, rates)
      }
    case .ngram, .ngramMap, .ngramCache:
      acceptance = Self.repeatedAcceptance * workload.repetitiveness
      // Nothing is drafted, and nothing costs, where nothing repeats.
      let found = max(0.02, workload.repetitiveness)
      let run = acceptance * (1 - pow(acceptance, drafted)) / (1 - acceptance)
      verified = 1 + found * drafted
      tokens = 1 + found * run
    }
    let step = stepSeconds(
      loaded.target, batch: batch, tokens: batch * verified, context: context, settings, rates)
    return (step + drafting, tokens, acceptance)
  }

  private func stepSeconds(
    _ model: ModelProfile, batch: Double, tokens: Double, context: Double,
    _ settings: EngineSettings, _ rates: Rates
  ) -> Double {
    let elementBytes = (settings.keyElementBytes + settings.valueElementBytes) / 2
    let cache = batch * context * model.keyValueBytesPerToken(bytesPerElement: elementBytes)
    let attention =
      attentionFlops(model, tokens: tokens, context: context) * attentionFactor(settings, rates)
    let compute = (2 * Double(model.activeParameterCount) * tokens + attention) / rates.flops
    return max(compute, (touchedBytes(model, tokens: tokens) + cache) / rates.bytes)
      + Self.stepSeconds
  }

  private func attentionFlops(_ model: ModelProfile, tokens: Double, context: Double) -> Double {
    4 * Double(model.layerCount * model.headCount * model.headSize) * tokens * context
  }

  private func attentionFactor(_ settings: EngineSettings, _ rates: Rates) -> Double {
    var factor = settings.flashAttention == false ? Self.unfusedAttention : 1
    if settings.keyElementBytes < 2 || settings.valueElementBytes < 2, rates.isOfProcessor {
      factor *= Self.quantizedAttention
    }
    return factor
  }

  /// Weight bytes that a step of so many tokens reads. Of a mixture, the experts that none of the tokens chose stay
  /// untouched: each token takes k of E, so an expert is missed with (1 - k/E) to the power of the tokens.
  private func touchedBytes(_ model: ModelProfile, tokens: Double) -> Double {
    let all = Double(model.weightBytes)
    guard model.isMixtureOfExperts, model.expertsPerToken > 0,
      model.expertsPerToken < model.expertCount
    else {
      return Double(model.activeWeightBytes)
    }
    let share = Double(model.expertsPerToken) / Double(model.expertCount)
    let experts = max(0, all - Double(model.activeWeightBytes)) / (1 - share)
    return all - experts * pow(1 - share, tokens)
  }
}

/// What the hardware can do with so many of its threads, and its GPUs with what a configuration puts there.
private struct Rates {
  let flops: Double
  let bytes: Double
  let isOfProcessor: Bool
  /// While it works: what the machine takes in any case, and what each busy core and each GPU adds. Of no machine in
  /// particular, as the level is never used before energy was measured; the shares make the ratios.
  let watts: Double

  /// Of a GPU that nobody measured: about what one for workstations does.
  private static let unmeasured = (flops: 5e13, bytes: 5e11)

  init(_ hardware: HardwareProfile, _ settings: EngineSettings, threads: Int, _ memory: MemoryEstimate) {
    let share = min(1, Double(threads) / Double(max(1, hardware.coreCount)))
    // A worker that could not measure itself is taken as one slow core, so that nothing divides by zero.
    let processorFlops = max(1e9, hardware.gemmRate) * share
    // A few threads fill a memory bus: half of them reach about three quarters of its bandwidth.
    let processorBytes = max(1e9, hardware.memoryBandwidth) * (share < 1 ? pow(share, 0.4) : 1)
    let work = memory.acceleratorShare.work
    let devices = work > 0 ? hardware.accelerators(of: memory.engine) : []
    guard !devices.isEmpty else {
      flops = processorFlops
      bytes = processorBytes
      // Of published measurements, whose GPUs are the hardware, nobody says which engine computes where.
      isOfProcessor = hardware.accelerators.allSatisfy { !$0.engines.isEmpty }
      watts =
        20 + 5 * share * Double(max(1, hardware.coreCount))
        + (isOfProcessor ? 0 : 300 * Double(hardware.accelerators.count))
      return
    }
    // Each part waits for the one before it; only parts of one layer are computed at once.
    let abreast = Double(min(devices.count, settings.tensorParallel))
    let slowestFlops = devices.map { $0.gemmRate > 0 ? $0.gemmRate : Self.unmeasured.flops }.min() ?? 1
    let slowestBytes = devices.map { $0.memoryBandwidth > 0 ? $0.memoryBandwidth : Self.unmeasured.bytes }.min() ?? 1
    flops = 1 / (work / (slowestFlops * abreast) + (1 - work) / processorFlops)
    bytes = 1 / (work / (slowestBytes * abreast) + (1 - work) / processorBytes)
    isOfProcessor = false
    watts = 20 + 5 * share * (1 - work) * Double(max(1, hardware.coreCount)) + 300 * Double(devices.count)
  }
}

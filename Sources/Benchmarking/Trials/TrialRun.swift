import Acceleration
import Engines
import FoundationEssentials
import Serving

/// One trial while it runs: its engines, which of its configurations are still worth running, and the tokens prompts
/// are made of.
struct TrialRun {
  let host: EngineHost
  let timing: TrialTiming
  let spec: TrialSpec
  /// No block starts after this, and no probe.
  let deadline: ContinuousClock.Instant
  private let model: ModelProfile
  /// Of each slot of every engine of this trial.
  private let contextTokens: Int
  private var engines: TrialEngines
  private var health: [CandidateHealth]
  /// Of the model's tokenizer; asked of the first engine that runs.
  private(set) var tokens: TokenSource?
  /// Configurations whose quality is still to be measured.
  var unprobed: Set<Int>
  /// What probes took so far.
  var probeSeconds = 0.0
  /// What the engines' defaults say, which the others are compared with.
  var references: [EngineName: Result<QualityReference, ProbeFailure>] = [:]

  init(host: EngineHost, timing: TrialTiming, spec: TrialSpec) {
    self.host = host
    self.timing = timing
    self.spec = spec
    deadline = .now + .seconds(spec.timeLimitSeconds)
    unprobed = Set(spec.qualityWanted).intersection(spec.candidates.indices)
    model = host.profile(spec.model) ?? .unknown(spec.model)
    contextTokens = MemoryEstimate.contextTokens(spec.workloads)
    engines = TrialEngines(
      host: host, model: model, candidates: spec.candidates,
      contextTokens: contextTokens)
    health = Array(repeating: CandidateHealth(), count: spec.candidates.count)
  }

  /// The one measurement of a trial that cannot be run at all; nil for one that can.
  var refusal: Measurement? {
    let reason: String
    if spec.candidates.isEmpty || spec.workloads.isEmpty || spec.rounds < 1 {
      reason = """
        the trial has \(spec.candidates.count) configurations, \(spec.workloads.count) workloads and \
        \(spec.rounds) rounds: there is nothing to run
        """
    } else if !spec.hasSoundLineups || spec.blockCount == 0 {
      reason = """
        the lineups \(spec.lineups) do not fit \(spec.candidates.count) configurations and \(spec.workloads.count) \
        workloads
        """
    } else if let workload = spec.workloads.first(where: { Self.fault($0) != nil }) {
      reason = "the workload \(workload.name) cannot be run: \(Self.fault(workload)!)"
    } else if host.profile(spec.model) == nil {
      reason = "the model \(spec.model) is not on \(host.worker); `apus model push` copies it there"
    } else {
      return nil
    }
    return measurement(
      workload: spec.workloads.first ?? .chat, round: spec.firstRound,
      candidate: spec.candidates.first
        ?? Candidate(configuration: EngineConfiguration(engine: EngineName("none")), fidelity: .exact),
      .engineFailed(reason: reason, lastLines: ""))
  }

  private static func fault(_ workload: Workload) -> String? {
    if workload.requestCount < 1 || workload.requestCount > 10_000 { return "\(workload.requestCount) requests" }
    if workload.concurrency < 1 || workload.concurrency > RequestLimits.streamCount {
      return "\(workload.concurrency) streams at once, where 1 to \(RequestLimits.streamCount) can be"
    }
    if workload.promptTokens.lowerBound < 1 || workload.outputTokens.lowerBound < 1 {
      return "prompts and outputs have at least one token"
    }
    if let rate = workload.arrivalRate, !(rate > 0) { return "\(rate) arrivals per second" }
    return nil
  }

  mutating func stopAll() async { await engines.stopAll() }
  mutating func stopEngine(_ candidate: Int) async { await engines.stop(candidate) }

  /// Runs one block and says what it gave.
  mutating func measure(_ block: BlockSchedule.Block) async -> Measurement {
    switch health[block.candidate].decision {
    case .run: break
    case .failed(let outcome): return measurement(block, outcome)
    case .skipped(let reason): return measurement(block, .cancelled, warnings: [reason])
    }
    do throws(EngineFailure) {
      let process = try await readyEngine(block.candidate)
      var measurement = await run(block, on: process)
      await addQuality(to: &measurement, block.candidate)
      return measurement
    } catch {
      if error != .cancelled { health[block.candidate].didNotStart(error.outcome) }
      return measurement(block, error.outcome)
    }
  }

  /// The block's engine, started and warmed up.
  mutating func readyEngine(_ candidate: Int) async throws(EngineFailure) -> any RunningEngine {
    if let process = engines.running(candidate), await process.isRunning {
      engines.touch(candidate)
      return process
    }
    await engines.stop(candidate)
    let process = try await engines.start(candidate)
    do throws(RequestFailure) {
      try await warmUp(process, candidate)
    } catch {
      let ending = await process.ending(after: [error])
      await engines.stop(candidate)
      if let ending { throw ending }
      if error == .cancelled || Task.isCancelled { throw .cancelled }
      if error.isTimeOut { throw .startTimedOut(afterSeconds: timing.blockSeconds) }
      throw .ended(reason: "the first request failed: \(error.description)", lastLines: process.lastLines)
    }
    return process
  }

  /// One short request that is not counted: weights are read, buffers made, threads started.
  private mutating func warmUp(_ process: any RunningEngine, _ candidate: Int) async throws(RequestFailure) {
    let client = StreamingClient(
      limits: RequestLimits(stallSeconds: timing.blockSeconds, totalSeconds: timing.blockSeconds))
    let endpoint = try await endpoint(of: process, candidate)
    if endpoint.dialect != .openAI, tokens == nil {
      tokens = try await client.tokenSource(at: endpoint, editDocument: host.editDocument(spec.model))
    }
    let shape = Workload(
      name: "warm-up", promptTokens: timing.warmUpPromptTokens...timing.warmUpPromptTokens,
      outputTokens: timing.warmUpOutputTokens...timing.warmUpOutputTokens, requestCount: 1)
    for request in requests(shape, seed: spec.seed, endpoint) {
      _ = try await client.stream(request, to: endpoint) { _ in }
    }
  }

  private func endpoint(
    of process: any RunningEngine, _ candidate: Int
  ) async throws(RequestFailure) -> EngineEndpoint {
    var endpoint = host.endpoint(of: process, spec.candidates[candidate].configuration)
    if endpoint.dialect != .llamaCpp, endpoint.servedModel == nil {
      endpoint.servedModel = try await StreamingClient().servedModel(at: endpoint)
    }
    return endpoint
  }

  private func requests(_ workload: Workload, seed: UInt64, _ endpoint: EngineEndpoint) -> [GenerationRequest] {
    switch (endpoint.dialect, tokens) {
    case (.llamaCpp, let tokens?), (.vLLM, let tokens?):
      PromptGenerator(workload: workload, seed: seed).requests(of: tokens)
    default: PromptGenerator(workload: workload, seed: seed).textRequests()
    }
  }

  private mutating func run(_ block: BlockSchedule.Block, on process: any RunningEngine) async -> Measurement {
    let workload = spec.workloads[block.workload]
    let endpoint: EngineEndpoint
    do throws(RequestFailure) {
      endpoint = try await self.endpoint(of: process, block.candidate)
    } catch {
      return await failed(block, process, .engineFailed(reason: error.description, lastLines: process.lastLines))
    }
    let seed = BlockSchedule.promptSeed(trialSeed: spec.seed, round: block.round)
    let requests = requests(workload, seed: seed, endpoint)
    let generator = LoadGenerator(
      client: StreamingClient(limits: timing.requestLimits(workload)), timeLimitSeconds: timing.blockSeconds)

    let countersBefore = await EngineCounters.read(endpoint)
    let startedAtMS = Self.wallClockMS()
    let clock = ContinuousClock.now
    let machineBefore = MachineLoad.now()
    let energyBefore = host.energyMeter?.reading()
    let usageBefore = await process.usage()
    let load = await generator.run(requests, workload: workload, seed: seed, at: endpoint)
    let usageAfter = await process.usage()
    let cpuSeconds = usageAfter.flatMap { after in usageBefore.map { after.cpuSeconds - $0.cpuSeconds } }
    let wallSeconds = (ContinuousClock.now - clock).seconds
    let energyJoules = energyBefore.flatMap { before in
      host.energyMeter?.reading()?.joules(since: before, wallSeconds: wallSeconds)
    }
    let machine = machineBefore.flatMap {
      MachineLoad.now()?.use(since: $0, wallSeconds: wallSeconds, engineSeconds: cpuSeconds ?? 0)
    }
    let counted = await EngineCounters.read(endpoint)?.since(countersBefore)
    let usage = BlockUsage(
      cpuSeconds: cpuSeconds, peakMemoryBytes: usageAfter?.peakMemoryBytes, loadSeconds: process.loadSeconds,
      draftedTokenCount: load.draftedTokenCount ?? counted?.draftedTokenCount,
      acceptedTokenCount: load.acceptedTokenCount ?? counted?.acceptedTokenCount, energyJoules: energyJoules,
      acceleratorMemoryBytes: usageAfter?.acceleratorMemoryBytes)

    let ending = await process.ending(after: load.failures)
    let outcome = BlockOutcome.outcome(
      of: load, isCancelled: Task.isCancelled, engineEnding: ending, lastLines: process.lastLines,
      timeLimitSeconds: timing.blockSeconds, metrics: { MetricSummary.metrics(of: load.timelines, usage: usage) })
    let warnings = SampleWarnings.warnings(
      for: BlockConditions(
        workload: workload, samples: load.timelines, askedTokens: requests.map(\.maxTokens), machine: machine,
        counted: counted, slotCount: host.slotCount(spec.candidates[block.candidate].configuration)))
    // An engine that refused a request, such as a prompt longer than its context, is sound and goes on.
    let isSound = ending == nil && load.failures.allSatisfy { $0?.leavesEngineUsable ?? true }
    if outcome.metrics == nil, !isSound {
      return await failed(
        block, process, outcome, startedAtMS: startedAtMS, samples: load.timelines, warnings: warnings)
    }
    return measurement(block, outcome, startedAtMS: startedAtMS, samples: load.timelines, warnings: warnings)
  }

  /// Notes a failed block. Its engine is ended, whatever is left of it: the next block is not to inherit its state.
  private mutating func failed(
    _ block: BlockSchedule.Block, _ process: any RunningEngine, _ outcome: Outcome, startedAtMS: Int64? = nil,
    samples: [RequestTimeline] = [], warnings: [String] = []
  ) async -> Measurement {
    if outcome != .cancelled { health[block.candidate].didFail(outcome) }
    await engines.stop(block.candidate)
    return measurement(block, outcome, startedAtMS: startedAtMS, samples: samples, warnings: warnings)
  }

  // MARK: Measurements

  func measurement(
    _ block: BlockSchedule.Block, _ outcome: Outcome, startedAtMS: Int64? = nil, samples: [RequestTimeline] = [],
    warnings: [String] = []
  ) -> Measurement {
    measurement(
      workload: spec.workloads[block.workload], round: block.round, candidate: spec.candidates[block.candidate],
      outcome, startedAtMS: startedAtMS, samples: samples, warnings: warnings)
  }

  private func measurement(
    workload: Workload, round: Int, candidate: Candidate, _ outcome: Outcome, startedAtMS: Int64? = nil,
    samples: [RequestTimeline] = [], warnings: [String] = []
  ) -> Measurement {
    let estimate =
      host.isAttached(candidate.configuration.engine)
      ? nil : host.memoryEstimate(candidate.configuration, model: model, contextTokens: contextTokens)
    return Measurement(
      id: .random("measurement"),
      source: .trial(spec.id, benchmark: spec.benchmark, purpose: spec.purpose, round: round),
      worker: host.worker, hardware: host.hardware, model: model, workload: workload,
      configuration: candidate.configuration, fidelity: candidate.fidelity,
      engineVersion: host.version(of: candidate.configuration.engine),
      startedAtMS: startedAtMS ?? Self.wallClockMS(), outcome: outcome, samples: samples, warnings: warnings,
      memoryEstimateBytes: estimate?.totalBytes, acceleratorMemoryEstimateBytes: estimate?.acceleratorEstimateBytes)
  }

  static func wallClockMS() -> Int64 { Int64((Date().timeIntervalSince1970 * 1000).rounded()) }
}

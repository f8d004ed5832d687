import Messaging
import Serving

/// Makes messages of every kind with random contents: empty lists and texts, NUL and many-byte characters, values at
/// the ends of their ranges, optional fields there and not.
struct RandomMessages {
  var generator: SeededGenerator

  init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

  mutating func chance(_ share: Double = 0.5) -> Bool { Double.random(in: 0..<1, using: &generator) < share }

  mutating func pick<Element>(_ choices: [Element]) -> Element { choices.randomElement(using: &generator)! }

  mutating func text() -> String {
    pick(["", "a", "plain text", "nul \0 inside", "é漢字🦜", "\0", String(repeating: "long ", count: 60)])
      + (chance() ? String(UInt32.random(in: 0...UInt32.max, using: &generator)) : "")
  }

  mutating func id<ID: Identifier>() -> ID { ID(rawValue: text()) }

  mutating func count() -> Int {
    pick([0, 1, 127, 128, 70_000, 1 << 53, Int.random(in: 0...1_000_000, using: &generator)])
  }

  mutating func number() -> Double {
    pick([0, -0.0, 1, -1.5, 1e18, -1e18, .leastNonzeroMagnitude, .pi, Double.random(in: -1e6...1e6, using: &generator)])
  }

  mutating func share() -> Double { pick([0, 1, Double.random(in: 0...1, using: &generator)]) }

  mutating func some<Value>(_ make: (inout RandomMessages) -> Value) -> Value? { chance() ? make(&self) : nil }

  mutating func list<Value>(_ make: (inout RandomMessages) -> Value, most: Int = 3) -> [Value] {
    (0..<Int.random(in: 0...most, using: &generator)).map { _ in make(&self) }
  }

  mutating func range() -> ClosedRange<Int> {
    let (a, b) = (count(), count())
    return min(a, b)...max(a, b)
  }

  mutating func interval() -> ClosedRange<Double> {
    let (a, b) = (number(), number())
    return min(a, b)...max(a, b)
  }

  mutating func counts() -> [String: Int] {
    Dictionary(list { ($0.text(), $0.count()) }) { first, _ in first }
  }

  mutating func seed() -> UInt64 { pick([0, .max, generator.next()]) }

  // MARK: Values

  mutating func error() -> ApusError {
    ApusError(
      pick(FailureCode.allCases), text(), advice: text(), kind: some { $0.pick(FailureKind.allCases) })
  }

  mutating func knobValue() -> KnobValue {
    switch Int.random(in: 0..<4, using: &generator) {
    case 0: .bool(chance())
    case 1: .int(pick([0, .min, .max, count()]))
    case 2: .double(number())
    default: .text(text())
    }
  }

  mutating func configuration() -> EngineConfiguration {
    EngineConfiguration(
      engine: id(), methods: list { $0.id() },
      knobs: Dictionary(list { ($0.id(), $0.knobValue()) }) { first, _ in first })
  }

  mutating func fidelity() -> Fidelity { pick([.exact, .approximate]) }

  mutating func candidate() -> Candidate {
    Candidate(configuration: configuration(), fidelity: fidelity(), refusedReason: some { $0.text() })
  }

  mutating func hardware() -> HardwareProfile {
    HardwareProfile(
      machine: id(), processor: text(), coreCount: count(), instructionSets: list { $0.text() }, memoryBytes: count(),
      memoryBandwidth: number(), gemmRate: number(),
      accelerators: list {
        Accelerator(
          name: $0.text(), memoryBytes: $0.count(), memoryBandwidth: $0.number(), gemmRate: $0.number(),
          engines: $0.list { EngineName($0.text()) })
      })
  }

  mutating func model() -> ModelProfile {
    ModelProfile(
      id: id(), name: text(), architecture: text(), parameterCount: count(), activeParameterCount: count(),
      layerCount: count(), hiddenSize: count(), headCount: count(), keyValueHeadCount: count(), headSize: count(),
      feedForwardSize: count(), expertCount: count(), expertsPerToken: count(), vocabularySize: count(),
      contextLength: count(), weightType: text(), weightBytes: count(), activeWeightBytes: count(),
      vocabularyFingerprint: text(), variantGroup: text(), format: pick(ModelFormat.allCases),
      mtpLayerCount: count(), eagleVersion: count(), takesTools: some { $0.chance() })
  }

  mutating func workload() -> Workload {
    Workload(
      name: text(), promptTokens: range(), outputTokens: range(), concurrency: count(),
      arrivalRate: some { $0.number() }, sharedPrefixShare: share(), repetitiveness: share(), requestCount: count())
  }

  mutating func limits() -> Limits {
    Limits(
      slos: list {
        SLO(metric: $0.pick(SLO.Metric.allCases), percentile: $0.pick([50, 90, 99]), limitMS: $0.number())
      }, memoryBytes: some { $0.count() }, allowsApproximate: chance(), maxQualityLoss: some { $0.number() })
  }

  mutating func quality() -> QualityLoss {
    QualityLoss(
      positionCount: count(), topAgreement: share(), decisiveMismatchCount: count(), divergence: some { $0.number() },
      perplexity: some { $0.number() }, referencePerplexity: some { $0.number() }, probeVersion: count())
  }

  mutating func objective() -> Objective { pick(Objective.allCases) }

  mutating func jobSpec() -> JobSpec {
    JobSpec(
      model: id(),
      prompt: chance() ? .text(text()) : .chat(list { $0.chatMessage() }),
      maxTokens: count(), temperature: number(), seed: seed(), objective: objective(), limits: limits(),
      idempotencyKey: some { $0.text() }, ignoresEndOfSequence: chance(),
      sampling: some { random in
        Sampling(
          stop: random.list { $0.text() }, topP: random.some { $0.number() }, logprobs: random.some { $0.count() },
          schema: random.some { $0.text() }, frequencyPenalty: random.some { $0.number() },
          presencePenalty: random.some { $0.number() })
      }, tools: some { $0.tools() },
      priority: some { $0.count() - $0.count() }, deadlineMS: some { $0.count() }, session: some { $0.text() },
      tenant: some { $0.text() }, isBound: chance() ? true : nil)
  }

  mutating func toolCall() -> ToolCall { ToolCall(id: text(), name: text(), arguments: text()) }

  mutating func chatMessage() -> ChatMessage {
    let calls = list { $0.toolCall() }
    return ChatMessage(
      role: text(), content: text(), toolCalls: calls.isEmpty ? nil : calls, toolCallID: some { $0.text() })
  }

  mutating func tools() -> Tools {
    Tools(
      functions: (0...Int.random(in: 0...2, using: &generator)).map { _ in
        Tools.Function(name: text(), json: text())
      }, choice: pick([.auto, .required, .function(text())]), forbidsParallelCalls: chance())
  }

  mutating func predicted() -> PredictedMetrics {
    PredictedMetrics(
      ttftMS: some { $0.number() }, tpotMS: some { $0.number() }, e2eMS: some { $0.number() },
      throughput: some { $0.number() }, memoryBytes: some { $0.count() }, joulesPerToken: some { $0.number() },
      costPerMillionTokens: some { $0.number() })
  }

  mutating func intervals() -> PredictedIntervals {
    PredictedIntervals(
      ttftMS: some { $0.interval() }, tpotMS: some { $0.interval() }, e2eMS: some { $0.interval() },
      throughput: some { $0.interval() }, memoryBytes: some { $0.interval() }, joulesPerToken: some { $0.interval() },
      costPerMillionTokens: some { $0.interval() })
  }

  mutating func jobRecord() -> JobRecord {
    JobRecord(
      id: id(), client: text(), spec: jobSpec(), submittedAtMS: Int64(count()), standing: jobStanding())
  }

  mutating func jobStanding() -> JobStanding {
    JobStanding(
      state: pick(JobState.allCases), finishedAtMS: some { Int64($0.count()) },
      // An empty name stands for none.
      worker: some { WorkerName("w" + $0.text()) },
      configuration: some { $0.configuration() }, predicted: some { $0.predicted() }, output: text(),
      failure: some { $0.text() }, measurement: some { MeasurementID("m" + $0.text()) }, attemptCount: count(),
      isExploration: chance(), waitReason: some { $0.text() }, finishReason: some { $0.pick(FinishReason.allCases) },
      toolCalls: list { $0.toolCall() })
  }

  mutating func jobFigures() -> JobFigures {
    JobFigures(
      promptTokenCount: count(), cachedTokenCount: some { $0.count() }, outputTokenCount: count(),
      ttftMS: some { $0.number() }, tpotMS: some { $0.number() }, e2eMS: number())
  }

  mutating func latency() -> LatencySummary {
    LatencySummary(meanMS: number(), p50MS: number(), p90MS: number(), p99MS: number())
  }

  mutating func metrics() -> Metrics {
    Metrics(
      requestCount: count(), failedRequestCount: count(), promptTokenCount: count(), outputTokenCount: count(),
      wallSeconds: number(), cpuSeconds: some { $0.number() }, peakMemoryBytes: some { $0.count() },
      loadSeconds: number(), ttft: latency(),
      itl: latency(), tpot: latency(), e2e: latency(), acceptanceRate: some { $0.number() },
      energyJoules: some { $0.number() })
  }

  mutating func outcome() -> Outcome {
    switch Int.random(in: 0..<6, using: &generator) {
    case 0: .completed(metrics())
    case 1: .outOfMemory(detail: text())
    case 2: .timedOut(afterSeconds: number())
    case 3: .engineFailed(reason: text(), lastLines: text())
    case 4: .lostWorker
    default: .cancelled
    }
  }

  mutating func source() -> MeasurementSource {
    switch Int.random(in: 0..<3, using: &generator) {
    case 0: .trial(id(), benchmark: id(), purpose: pick(TrialPurpose.allCases), round: count())
    case 1: .job(id())
    default: .imported(from: text())
    }
  }

  mutating func timeline() -> RequestTimeline {
    RequestTimeline(
      sentAtSeconds: number(), tokenSeconds: list({ $0.number() }, most: 40), promptTokenCount: count(),
      cachedTokenCount: some { $0.count() }, failure: some { $0.text() })
  }

  mutating func measurement() -> Measurement {
    Measurement(
      id: id(), source: source(), worker: id(), hardware: hardware(), model: model(), workload: workload(),
      configuration: configuration(), fidelity: fidelity(), engineVersion: text(), startedAtMS: Int64(count()),
      outcome: outcome(), samples: list { $0.timeline() }, warnings: list { $0.text() },
      quality: some { $0.quality() }, memoryEstimateBytes: some { $0.count() },
      acceleratorMemoryEstimateBytes: some { $0.count() })
  }

  mutating func workerDescription() -> WorkerDescription {
    WorkerDescription(
      hardware: hardware(),
      engines: list { generator in
        EngineDescription(
          name: generator.id(), version: generator.text(),
          attachedModels: generator.some { $0.list { $0.id() } },
          builds: generator.list { EngineBuild(name: $0.text(), fault: $0.some { $0.text() }) })
      },
      models: list { $0.model() }, jobCapacity: count(), leases: list { $0.id() }, pricePerHour: some { $0.number() },
      engineMemoryBytes: some { $0.count() }, measuresEnergy: chance(), rpcServers: list { $0.text() },
      experts: some { ExpertEndpoint(address: $0.text(), publicKey: $0.text()) })
  }

  mutating func tokenChunk() -> TokenChunk {
    TokenChunk(
      job: id(), lease: id(), firstIndex: count(),
      tokenIDs: list({ $0.pick([0, -1, .max, .min, Int32.random(in: 0...40_000, using: &$0.generator)]) }, most: 20),
      text: text(),
      logprobs: list { random in
        TokenLogprob(random.probableToken(), alternatives: random.list { $0.probableToken() })
      },
      toolCalls: list {
        ToolCallPiece(index: $0.count(), id: $0.text(), name: $0.text(), arguments: $0.text())
      })
  }

  private mutating func probableToken() -> TokenLogprob.Alternative {
    .init(bytes: list { UInt8.random(in: 0...255, using: &$0.generator) }, logprob: -number().magnitude)
  }

  mutating func trialSpec() -> TrialSpec {
    let candidates = list { $0.candidate() }
    let workloads = list { $0.workload() }
    let lineups = workloads.map { _ in candidates.indices.filter { _ in chance() }.shuffled(using: &generator) }
    return TrialSpec(
      id: id(), benchmark: id(), purpose: pick(TrialPurpose.allCases), model: id(), candidates: candidates,
      workloads: workloads, lineups: chance() ? lineups : [], rounds: count(), firstRound: count(), seed: seed(),
      timeLimitSeconds: number(), qualityWanted: list { $0.count() })
  }

  mutating func modelChunk() -> ModelChunk {
    ModelChunk(
      model: id(), name: text(), totalBytes: count(), offset: count(),
      bytes: list({ UInt8.random(in: 0...255, using: &$0.generator) }, most: 50))
  }

  mutating func modelOffset() -> ModelOffset {
    ModelOffset(model: id(), offset: count(), isComplete: chance(), refusal: text())
  }
}

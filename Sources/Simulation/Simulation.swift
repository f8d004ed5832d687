public import Coordinator
import Glibc
import Messaging
import Selection
import Serving

/// Requests over nodes in simulated time, under the coordinator's own ledger and router.
///
/// The nodes are models (`NodeModel`), the store answers at once, the network takes no time; all that is decided is
/// decided by `JobLedger`, fed with the events a coordinator feeds it. What it is told of a node beforehand is off by a
/// factor for each node and of a request only its limit of tokens, as in life. The same seed gives the same run.
public struct Simulation {
  public struct Options: Hashable, Sendable {
    public var policy = RoutingPolicyName.foreseen
    /// How jobs wait at a node; nil for the coordinator's order under its own router, and that of arrival under the
    /// others, which is how the engines queue that they are used with.
    public var queueOrder: QueueOrder?
    public var seed: UInt64 = 1
    /// Deviation of the logarithm by which forecasts for a node are off.
    public var forecastError = 0.2
    /// Deviation of the logarithm of a request's luck.
    public var noise = 0.1
    /// Forecasts without error that know every request's length and every change at once: what no router can know.
    public var isHindsight = false
    /// Whether nodes that have nothing to do load engines for requests that are foreseen.
    public var prewarms = true
    public var faults: [NodeFault] = []
    /// Seconds between heartbeats' loss and its notice.
    public var detectionSeconds = 3.0
    /// Most of the requests that may be given to a second node while the first says nothing, 0...1; nil for the
    /// coordinator's share under its own router, and for none under the others and in hindsight.
    public var hedgeShare: Double?

    public init() {}

    var effectiveHedgeShare: Double {
      hedgeShare ?? (policy == .foreseen && !isHindsight ? CoordinatorConfiguration.usualHedgeShare : 0)
    }
  }

  private enum Event {
    case node(Int, version: Int)
    case firstToken(Int, version: Int)
    case fault(Int)
    case lost(Int)
    case tick
  }

  static let engine = EngineName("simulated")

  private let options: Options
  private let requests: [TraceRequest]
  private var models: [ModelProfile]
  private var hardware: [Boxed<HardwareProfile>]
  private var boxedModels: [Boxed<ModelProfile>]
  private let names: [WorkerName]
  private let numbers: [WorkerName: Int]
  private let requestOf: (JobID) -> Int
  /// Factors of the forecasts, by node.
  private let errors: [Double]
  private var nodes: [SimulatedNode]
  private var ledger: JobLedger
  private var heap = EventHeap<Event>()
  private var keys: Set<RouteKey> = []
  private var generator: SeededGenerator
  private var now = 0.0
  private var result: SimulationResult
  private var unended = 0
  /// Of `options.faults`, those that bring a node and are still to come.
  private var comingNodes = 0
  private var leaseRequests: [LeaseID: Int] = [:]

  public init(_ nodes: [NodeModel], _ requests: [TraceRequest], _ options: Options = Options()) {
    precondition(!nodes.isEmpty, "a cluster without nodes runs nothing")
    self.options = options
    self.requests = requests
    generator = SeededGenerator(seed: options.seed)
    var limits = JobLedger.Limits()
    limits.queuedJobs = .max
    limits.attempts = 1000
    // A request may be long, and nothing here reports more tokens than the first.
    limits.leaseSilence = .seconds(1e9)
    limits.hedgeShare = options.effectiveHedgeShare
    let order = options.queueOrder ?? (options.policy == .foreseen ? .due : .arrival)
    ledger = JobLedger(
      limits: limits, routing: options.policy, queueOrder: order, prewarms: options.prewarms, using: &generator)
    names = nodes.map { WorkerName($0.name) }
    numbers = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
    requestOf = { Int($0.rawValue.dropFirst(4))! }
    models = (0...(requests.map(\.model).max() ?? 0)).map(Self.model)
    boxedModels = models.map { Boxed(wrappedValue: $0) }
    hardware = nodes.map { Boxed(wrappedValue: Self.hardware($0)) }
    var draw = SeededGenerator(seed: options.seed ^ 0xF0_5EE5)
    errors = nodes.map { _ in
      let error = exp(options.forecastError * Self.normal(&draw))
      return options.isHindsight ? 1 : error
    }
    let late = Set(
      nodes.indices.filter { node in
        options.faults.filter { $0.node == node }.min { $0.seconds < $1.seconds }?.kind == .join
      })
    let modelCount = models.count
    self.nodes = nodes.enumerated().map { place, model in
      // Each begins with one engine loaded, in turns over the models; one that comes late with none.
      var node = SimulatedNode(model, engine: late.contains(place) ? nil : place % modelCount)
      node.isUp = !late.contains(place)
      return node
    }
    result = SimulationResult(nodes: nodes.map(\.name), requests: requests)
  }

  /// Plays the trace until every request has ended, or no node is left that could run one and none comes.
  public consuming func run() -> SimulationResult {
    unended = requests.count
    comingNodes = options.faults.count { $0.kind == .join }
    for place in nodes.indices where nodes[place].isUp { join(place) }
    for (place, fault) in options.faults.enumerated() { heap.add(.fault(place), at: fault.seconds) }
    heap.add(.tick, at: 1)
    var arrived = 0
    while unended > 0, comingNodes > 0 || nodes.contains(where: \.isUp) {
      let arrival = arrived < requests.count ? requests[arrived].seconds : .infinity
      if arrival <= heap.nextTime ?? .infinity {
        now = arrival
        submit(arrived)
        arrived += 1
      } else if let (time, event) = heap.removeFirst() {
        now = time
        handle(event)
      }
    }
    result.seconds = now
    for place in nodes.indices {
      result.nodes[place].busySeconds = nodes[place].busySeconds
      result.nodes[place].loadCount = nodes[place].loadCount
    }
    return result
  }

  // MARK: The world

  private mutating func submit(_ number: Int) {
    let request = requests[number]
    let spec = JobSpec(
      model: models[request.model].id, prompt: .text(request.text),
      maxTokens: options.isHindsight ? request.outputTokens : request.maxTokens, session: request.session)
    _ = ledger.reserve(for: JobOwner(client: request.client))
    tell(
      .jobStored(
        JobRecord(
          id: JobID("job-\(number)"), client: request.client, spec: spec, submittedAtMS: Int64(now * 1000))))
  }

  private mutating func handle(_ event: Event) {
    switch event {
    case .node(let place, let version):
      guard nodes[place].version == version else { return }
      let loads = nodes[place].loadCount
      for work in nodes[place].finish(at: now) { end(work, on: place) }
      if nodes[place].loadCount > loads { beat(place) }
      plan(place)
    case .firstToken(let place, let version):
      guard nodes[place].version == version else { return }
      for work in nodes[place].takeFirstTokens(at: now) { tellFirstToken(work, on: place) }
      if nodes[place].version == version { planFirstToken(place) }
    case .fault(let number):
      let fault = options.faults[number]
      switch fault.kind {
      case .slow(let factor):
        nodes[fault.node].slow(by: factor, at: now)
        result.slowed = SimulationResult.Change(node: fault.node, seconds: now)
        if options.isHindsight { rankAgain() }
        plan(fault.node)
      case .fail:
        nodes[fault.node].fail(at: now)
        // Nobody knows before its heartbeats are missed.
        heap.add(.lost(fault.node), at: now + options.detectionSeconds)
      case .join:
        comingNodes -= 1
        nodes[fault.node].isUp = true
        result.joined = SimulationResult.Change(node: fault.node, seconds: now)
        join(fault.node)
        rankAgain()
      }
    case .lost(let place):
      tell(.workerLost(names[place]))
    case .tick:
      tell(.tick)
      heap.add(.tick, at: now + 1)
    }
  }

  private mutating func join(_ place: Int) {
    tell(
      .workerJoined(
        names[place],
        WorkerDescription(
          hardware: hardware[place].wrappedValue, engines: [EngineDescription(name: Self.engine, version: "1")],
          models: models, jobCapacity: nodes[place].model.slotCount)))
    beat(place)
  }

  /// What it has loaded, and nothing of its leases, which no message here loses.
  private mutating func beat(_ place: Int) {
    guard nodes[place].isUp else { return }
    let warm = nodes[place].warmEngines.map { Self.configuration($0).fingerprint }
    let leases = ledger.liveLeases(of: names[place])
    let warming = nodes[place].warmingEngine.map { Self.configuration($0).fingerprint }
    tell(.heartbeat(names[place], leases: leases, warm: warm, warming: warming))
  }

  private mutating func plan(_ place: Int) {
    if let next = nodes[place].nextEvent { heap.add(.node(place, version: nodes[place].version), at: max(now, next)) }
    planFirstToken(place)
  }

  /// Without hedges nobody asks when the first token came.
  private mutating func planFirstToken(_ place: Int) {
    guard options.effectiveHedgeShare > 0, let next = nodes[place].nextFirstToken else { return }
    heap.add(.firstToken(place, version: nodes[place].version), at: max(now, next))
  }

  private mutating func tellFirstToken(_ work: SimulatedNode.Work, on place: Int) {
    tell(.tokens(names[place], TokenChunk(job: work.job, lease: work.lease, firstIndex: 0, tokenIDs: [1], text: "")))
  }

  private mutating func end(_ work: SimulatedNode.Work, on place: Int) {
    let first = work.firstTokenAt ?? now
    let (ttft, e2e) = (first - work.startedAt, now - work.startedAt)
    let tpot = work.outputTokens > 1 ? (e2e - ttft) / Double(work.outputTokens - 1) : 0
    func summary(_ seconds: Double) -> LatencySummary {
      LatencySummary(meanMS: 1000 * seconds, p50MS: 1000 * seconds, p90MS: 1000 * seconds, p99MS: 1000 * seconds)
    }
    let metrics = Metrics(
      requestCount: 1, failedRequestCount: 0, promptTokenCount: work.promptTokens, outputTokenCount: work.outputTokens,
      wallSeconds: e2e, cpuSeconds: nil, peakMemoryBytes: nil, loadSeconds: nodes[place].model.loadSeconds,
      ttft: summary(ttft), itl: summary(tpot), tpot: summary(tpot), e2e: summary(e2e))
    result.ended(
      work.request, on: place, firstToken: first, end: now, cachedTokens: work.cachedTokens)
    unended -= 1
    report(work, on: place, .completed(metrics))
  }

  private mutating func report(_ work: SimulatedNode.Work, on place: Int, _ outcome: Outcome) {
    let sample = RequestTimeline(
      sentAtSeconds: 0, tokenSeconds: [], promptTokenCount: work.promptTokens, cachedTokenCount: work.cachedTokens)
    let measurement = Measurement(
      id: MeasurementID("m-\(work.lease)"), source: .job(work.job), worker: names[place], hardware: hardware[place],
      model: boxedModels[requests[work.request].model],
      workload: Workload(
        name: "job", promptTokens: work.promptTokens...work.promptTokens,
        outputTokens: work.outputTokens...work.outputTokens, requestCount: 1),
      configuration: Self.configuration(work.engine), fidelity: .exact, engineVersion: "1", startedAtMS: 0,
      outcome: outcome, samples: outcome.metrics == nil ? [] : [sample])
    tell(.report(names[place], Report(lease: work.lease, measurement: measurement, isLast: true)))
  }

  // MARK: The ledger

  private mutating func tell(_ event: LedgerEvent) {
    for action in ledger.handle(event, at: .seconds(now)) {
      switch action {
      case .assign(let worker, let assignment, _):
        assign(assignment, to: numbers[worker]!)
      case .storeReport(_, let report, _):
        tell(.reportStored(report.lease, report.measurement.id))
      case .storeEnding(let record):
        // Only what nobody here asks for: deadlines, cancelled jobs.
        unended -= 1
        tell(.endingStored(record.id))
      case .rank(let key):
        keys.insert(key)
        tell(.routed(key, choices(key)))
      case .warmUp(let worker, let wish):
        let place = numbers[worker]!
        if nodes[place].warmUp(models.firstIndex { $0.id == wish.model }!, at: now) {
          plan(place)
        } else {
          // Heartbeats that do not tell of it say so.
          for _ in 0..<2 { beat(place) }
        }
      case .revoke(let worker, let lease):
        let place = numbers[worker]!
        if let work = nodes[place].remove(lease, at: now) {
          plan(place)
          report(work, on: place, .cancelled)
        }
      case .hedged: result.hedgeCount += 1
      case .hedgeWon: result.hedgesWonCount += 1
      default: break
      }
    }
  }

  private mutating func assign(_ assignment: Assignment, to place: Int) {
    guard case .job(let job) = assignment.work, nodes[place].isUp else { return }
    let number = requestOf(job.job)
    let request = requests[number]
    // The same luck for a request whatever routes it.
    var luck = SeededGenerator(seed: options.seed &* 0x9E37_79B9 &+ UInt64(number))
    let before = nodes[place].loadCount
    nodes[place].add(
      SimulatedNode.Work(
        lease: assignment.lease, job: job.job, request: number, engine: request.model, assignedAt: now,
        promptTokens: request.promptTokens, outputTokens: request.outputTokens,
        blocks: PromptBlocks(job.spec.prompt), noise: exp(options.noise * Self.normal(&luck))), at: now)
    if nodes[place].loadCount > before { beat(place) }
    plan(place)
  }

  private mutating func rankAgain() {
    for key in keys { tell(.routed(key, choices(key))) }
  }

  /// What the selector would say: every node's time for the key's lengths, alone, off by the node's error; best first.
  private func choices(_ key: RouteKey) -> [RouteChoice] {
    let model = models.firstIndex { $0.id == key.model }!
    let candidate = Candidate(configuration: Self.configuration(model), fidelity: .exact)
    return nodes.indices.filter { nodes[$0].isUp }.map { place in
      let node = nodes[place].model
      let factor = errors[place] * (options.isHindsight ? nodes[place].slowness : 1)
      let ttft = 1000 * factor * Double(key.promptTokens) / node.prefillRate
      let tpot = 1000 * factor / node.decodeRate
      return RouteChoice(
        worker: names[place], candidate: candidate,
        predicted: PredictedMetrics(
          ttftMS: ttft, tpotMS: tpot, e2eMS: ttft + tpot * Double(max(0, key.outputTokens - 1))))
    }.sorted { ($0.predicted.e2eMS!, $0.worker) < ($1.predicted.e2eMS!, $1.worker) }
  }

  // MARK: Values

  private static func configuration(_ model: Int) -> EngineConfiguration {
    EngineConfiguration(engine: EngineName("\(engine)-\(model)"))
  }

  private static func model(_ number: Int) -> ModelProfile {
    ModelProfile(
      id: ModelID("model-\(number)"), name: "model-\(number)", architecture: "simulated", parameterCount: 8_000_000_000,
      activeParameterCount: 8_000_000_000, layerCount: 32, hiddenSize: 4096, headCount: 32, keyValueHeadCount: 8,
      headSize: 128, feedForwardSize: 14_336, expertCount: 0, expertsPerToken: 0, vocabularySize: 128_000,
      contextLength: 131_072, weightType: "Q8_0", weightBytes: 8_000_000_000, activeWeightBytes: 8_000_000_000,
      vocabularyFingerprint: "simulated", variantGroup: "model-\(number)")
  }

  private static func hardware(_ node: NodeModel) -> HardwareProfile {
    HardwareProfile(
      machine: MachineID(node.name), processor: "simulated", coreCount: 1, instructionSets: [], memoryBytes: 64 << 30,
      memoryBandwidth: 1e11, gemmRate: 1e12)
  }

  private static func normal(_ generator: inout SeededGenerator) -> Double {
    let radius = (-2 * log(Double.random(in: Double.leastNormalMagnitude..<1, using: &generator))).squareRoot()
    return radius * cos(2 * .pi * Double.random(in: 0..<1, using: &generator))
  }
}

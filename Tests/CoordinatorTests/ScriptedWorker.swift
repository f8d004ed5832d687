import Messaging
import Serving
import TestKit

/// A worker without an engine: it answers jobs with numbered tokens and trials with pretended costs, keeps its reports
/// until they are acknowledged, and dies, hangs or fails when a test says so.
actor ScriptedWorker {
  enum Behaviour: Hashable, Sendable {
    case complete
    /// Closes its connection after so many tokens, for good.
    case dieAfter(Int)
    /// Sends so many tokens and then nothing more, until it is revoked.
    case hangAfter(Int)
    case fail(Outcome)
  }

  /// What it does as the hub of a trial of placements.
  enum HubBehaviour: Hashable, Sendable {
    /// Says that it measured each strategy, and ends.
    case complete
    /// Begins with the first strategy, and says nothing more until it is revoked.
    case hang
    /// Reports the first strategy as failed, and ends with that error.
    case fail(ApusError)
  }

  let name: WorkerName
  private let endpoint: any ClientEndpoint
  private let description: WorkerDescription
  private let costs: HiddenCosts
  private var generator = SeededGenerator(seed: 5)
  /// Fingerprints of what it says that it has loaded.
  private var warm = ["warm"]
  /// For the next jobs, in order; `complete` afterwards.
  private var behaviours: [Behaviour]
  private let hubBehaviour: HubBehaviour
  private var held: [LeaseID: Assignment] = [:]
  /// What it hosts experts for.
  private(set) var hosting: [LeaseID: ExpertHosting] = [:]
  private var unacknowledged: [Report] = []
  private var reportCount = 0
  private var isDead = false
  private var reader: Task<Void, Never>?
  private(set) var assignments: [Assignment] = []
  private(set) var refusals: [ApusError] = []
  /// How each model piece is answered: the bytes there are so far.
  private var modelBytes = 0
  private(set) var launchQueries: [LaunchQuery] = []

  init(
    _ name: WorkerName, _ endpoint: any ClientEndpoint, _ description: WorkerDescription,
    behaviours: [Behaviour] = [], costs: HiddenCosts = HiddenCosts(speedups: [:]),
    asHub: HubBehaviour = .complete
  ) {
    hubBehaviour = asHub
    self.name = name
    self.endpoint = endpoint
    self.description = description
    self.behaviours = behaviours
    self.costs = costs
  }

  func start() {
    reader = Task {
      for await event in endpoint.events {
        await take(event)
      }
    }
  }

  func stop() {
    isDead = true
    endpoint.close()
    reader?.cancel()
  }

  /// What it has loaded, and what it does with its next jobs, in order.
  func behave(_ next: [Behaviour], warm: [String]) {
    behaviours = next
    self.warm = warm
  }

  /// A heartbeat, with every report that was not acknowledged.
  func beat() async {
    guard !isDead else { return }
    await send(.heartbeat(Heartbeat(leases: leases, warmConfigurations: warm)))
    for report in unacknowledged {
      await send(.report(report))
    }
  }

  private var leases: [LeaseID] {
    Array(Set(held.keys).union(hosting.keys)) + unacknowledged.filter(\.isLast).map(\.lease)
  }

  private func send(_ message: Message) async {
    guard !isDead else { return }
    try? await endpoint.send(message)
  }

  private func take(_ event: ConnectionEvent) async {
    switch event {
    case .connected:
      var description = description
      description.leases = leases
      await send(.hello(Hello(role: .worker, worker: description)))
    case .message(.assignment(let assignment)):
      assignments.append(assignment)
      if case .hosting(let wanted) = assignment.work { return await host(wanted, assignment.lease) }
      held[assignment.lease] = assignment
      await run(assignment)
    case .message(.reportStored(let id)):
      unacknowledged.removeAll { $0.measurement.id == id }
    case .message(.revoke(let lease)):
      hosting[lease] = nil
      guard let assignment = held.removeValue(forKey: lease) else { return }
      if case .placement = assignment.work {
        let error = ApusError(.tryAgain, "the batch was cancelled")
        return await send(.placementReport(PlacementReport(lease: lease, news: .failure(error))))
      }
      await report(assignment, .cancelled)
    case .message(.modelChunk(let chunk)):
      modelBytes += chunk.bytes.count
      await send(
        .modelOffset(
          ModelOffset(model: chunk.model, offset: modelBytes, isComplete: modelBytes == chunk.totalBytes)))
    case .message(.launchQuery(let id, let query)):
      launchQueries.append(query)
      // One that asks for port 1 is never answered.
      guard query.port != 1 else { return }
      let launch = EngineLaunch(
        engine: EngineDescription(name: query.configuration.engine, version: "1"), command: ["run"], environment: [:],
        host: query.host, port: query.port, healthPath: "/health", startTimeoutSeconds: 1, modelPaths: [],
        engineDirectory: nil, coreCount: 1, memoryBytes: 1, memoryLimitBytes: 1, acceleratorCount: 0)
      await send(.launchAnswer(LaunchAnswer(id: id, result: .success(launch))))
    case .message(.refused(let error)):
      refusals.append(error)
    case .disconnected, .refused, .message:
      break
    }
  }

  private func run(_ assignment: Assignment) async {
    switch assignment.work {
    case .job(let job):
      let behaviour = behaviours.isEmpty ? .complete : behaviours.removeFirst()
      var count = job.generatedTokenIDs.count
      let end =
        switch behaviour {
        case .complete: job.spec.maxTokens
        case .dieAfter(let tokens), .hangAfter(let tokens): min(count + tokens, job.spec.maxTokens)
        case .fail: count
        }
      while count < end {
        await send(
          .tokens(
            TokenChunk(
              job: job.job, lease: assignment.lease, firstIndex: count, tokenIDs: [Int32(count)],
              text: Self.text(of: count))))
        count += 1
      }
      switch behaviour {
      case .complete:
        await report(assignment, .completed(Fixture.metrics(e2eMS: 20)))
      case .fail(let outcome):
        await report(assignment, outcome)
      case .dieAfter:
        stop()
      case .hangAfter:
        break
      }
    case .trial(let spec):
      let blocks = costs.run(
        spec, worker: name, hardware: description.hardware, model: description.models[0], using: &generator)
      for (index, block) in blocks.enumerated() {
        await send(assignment, block.measurement, isLast: index == blocks.count - 1, output: "")
      }
    case .placement(let placement): await measure(placement, assignment.lease)
    case .hosting: break
    }
  }

  private func host(_ wanted: ExpertHosting, _ lease: LeaseID) async {
    hosting[lease] = wanted
    await send(.hostingAnswer(HostingAnswer(lease: lease, address: .success("tcp://127.0.0.1:\(name)"))))
  }

  private func measure(_ placement: PlacementAssignment, _ lease: LeaseID) async {
    func say(_ news: Result<PlacementNews, ApusError>) async {
      await send(.placementReport(PlacementReport(lease: lease, news: news)))
    }
    for strategy in placement.spec.strategies {
      await say(.success(.step(PlacementStep(strategy: strategy, batchTokens: placement.spec.batchSizes[0]))))
      var measurement = HistoryExamples.placement("\(strategy) of \(name)", strategy: strategy)
      // Its coordinator knows better.
      measurement.hub = "somebody"
      switch hubBehaviour {
      case .complete: await say(.success(.measured(measurement)))
      case .hang: return
      case .fail(let error):
        measurement.outcome = .failed(reason: error.reason)
        await say(.success(.measured(measurement)))
        held[lease] = nil
        return await say(.failure(error))
      }
    }
    held[lease] = nil
    await say(.success(.ended))
  }

  static func text(of token: Int) -> String { "\(token) " }

  private func report(_ assignment: Assignment, _ outcome: Outcome) async {
    reportCount += 1
    let source: MeasurementSource
    var output = ""
    var configuration = Fixture.candidate().configuration
    switch assignment.work {
    case .job(let job):
      source = .job(job.job)
      configuration = job.candidate.configuration
      if outcome.metrics != nil { output = (0..<job.spec.maxTokens).map(Self.text).joined() }
    case .trial(let spec):
      source = .trial(spec.id, benchmark: spec.benchmark, purpose: spec.purpose, round: 0)
    case .hosting, .placement: return
    }
    var measurement = Fixture.measurement(
      "\(name)-\(reportCount)", source: source, worker: name, outcome: outcome, configuration: configuration,
      model: description.models[0], hardware: description.hardware)
    if case .job = assignment.work {
      measurement.samples = [
        RequestTimeline(sentAtSeconds: 0, tokenSeconds: [0.1], promptTokenCount: 3, cachedTokenCount: 2)
      ]
    }
    await send(assignment, measurement, isLast: true, output: output)
  }

  private func send(_ assignment: Assignment, _ measurement: Measurement, isLast: Bool, output: String) async {
    let report = Report(lease: assignment.lease, measurement: measurement, isLast: isLast, output: output)
    if isLast { held[assignment.lease] = nil }
    unacknowledged.append(report)
    await send(.report(report))
  }
}

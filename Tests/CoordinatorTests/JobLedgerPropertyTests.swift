import Messaging
import Serving
import Testing

@testable import Coordinator

/// Plays random lives of a small cluster against a ledger: messages late, doubled, lost and out of order, workers that
/// die and come back with or without their leases, a store that refuses, users who cancel, trials in between. After
/// every event the ledger's promises must hold, and in the end, when the world calms down, every job has ended once.
///
/// The seed is the test's argument: a failing one is printed with the failure and plays the same life again.
@Suite struct JobLedgerPropertyTests {
  @Test("In any order of events the ledger keeps its promises", arguments: 1...300)
  func promises(seed: UInt64) {
    var world = World(seed: seed)
    for _ in 0..<400 {
      world.step()
    }
    world.calmDown()
    #expect(world.violations == [], "seed \(seed)")
    #expect(world.ended.count == world.submitted.count, "seed \(seed): a job was lost")
    #expect(world.trialsEnded.count == world.trialsPlanned, "seed \(seed): a trial was lost")
    #expect(world.relayedTokens > 0, "seed \(seed): the world was too quiet to show anything")
    #expect(
      Double(world.hedgeCount) <= world.hedgeShare * Double(world.startCount), "seed \(seed): more than the share")
  }

  @Test("Jobs get second nodes in these lives, and either of the two has them in the end")
  func hedges() {
    var (hedgeCount, wonCount) = (0, 0)
    for seed in stride(from: UInt64(1), through: 59, by: 2) {
      var world = World(seed: seed)
      for _ in 0..<400 { world.step() }
      hedgeCount += world.hedgeCount
      wonCount += world.hedgesWonCount
    }
    #expect(hedgeCount > 4 && wonCount > 0 && wonCount < hedgeCount, "\(hedgeCount), \(wonCount)")
  }
}

/// A cluster with its network and its store, all driven by one seed.
private struct World {
  /// What a worker does under a lease.
  struct Running {
    var assignment: Assignment
    var tokenCount: Int
  }

  struct Worker {
    let name: WorkerName
    let machine: String
    let capacity: Int
    var isUp = false
    var running: [LeaseID: Running] = [:]
    /// Leases that it hosts experts under, and those whose trial it ended as the hub.
    var hosting: Set<LeaseID> = []
    var endedAsHub: Set<LeaseID> = []
    /// Reports not yet acknowledged.
    var unacknowledged: [Report] = []
  }

  static let candidates = [Fixture.candidate(), Fixture.candidate([KnobName("thread_count"): .int(2)])]

  var generator: SeededGenerator
  let hedgeShare: Double
  var ledger: JobLedger
  var now = Duration.zero
  var workers = [
    Worker(name: "a", machine: "m1", capacity: 2), Worker(name: "b", machine: "m1", capacity: 1),
    Worker(name: "c", machine: "m2", capacity: 3),
  ]
  /// Messages to the coordinator that were sent, for late and repeated delivery.
  var network: [LedgerEvent] = []
  /// Messages the ledger wants delivered.
  var outgoing: [LedgerAction] = []
  /// What the store has in hand, in order.
  var storing: [LedgerAction] = []
  var rankings: [RouteKey] = []
  var submitted: [JobID] = []
  var ended: [JobID: JobState] = [:]
  var trialsPlanned = 0
  var trialsEnded: Set<TrialID> = []
  var shown: [JobID: Int] = [:]
  var relayedTokens = 0
  var reportCount = 0
  /// Jobs given to a first node and to a second, and those that the second had.
  var startCount = 0
  var hedgeCount = 0
  var hedgesWonCount = 0
  var violations: [String] = []

  init(seed: UInt64) {
    generator = SeededGenerator(seed: seed)
    var limits = JobLedger.Limits()
    limits.attempts = 1000  // that jobs run out of attempts is another test
    hedgeShare = [0, 1, 0, 0.3][Int(seed % 4)]
    limits.hedgeShare = hedgeShare
    let policies = RoutingPolicyName.allCases
    ledger = JobLedger(
      limits: limits, routing: policies[Int(seed) % policies.count], prewarms: true, using: &generator)
    for index in workers.indices {
      start(index)
    }
  }

  // MARK: Random life

  mutating func step() {
    now += .milliseconds(Int.random(in: 0...400, using: &generator))
    // As often as a coordinator does, or a job has spoken before anybody looks.
    if hedgeShare > 0, Int.random(in: 0..<2, using: &generator) == 0 { tell(.tick) }
    switch Int.random(in: 0..<100, using: &generator) {
    case 0..<10: submit()
    case 10..<13:
      if let job = submitted.randomElement(using: &generator) { tell(.cancel(job)) }
    case 13..<16: planTrial()
    case 16..<17: planPlacement()
    case 17..<40: deliverOutgoing()
    case 40..<65: work(workers.indices.randomElement(using: &generator)!)
    case 65..<75: store(fails: Int.random(in: 0..<5, using: &generator) == 0)
    case 75..<80:
      if let key = rankings.popLast() { answer(key) }
    case 80..<85: repeatOldMessage()
    case 85..<88: stop(workers.indices.randomElement(using: &generator)!)
    case 88..<92: start(workers.indices.randomElement(using: &generator)!)
    case 92..<96: heartbeat(workers.indices.randomElement(using: &generator)!)
    case 96..<98: tell(.routesStale)
    default: tell(.tick)
    }
  }

  /// Everything works from now on, until nothing is left to do.
  mutating func calmDown() {
    for _ in 0..<5000 where ended.count < submitted.count || trialsEnded.count < trialsPlanned || !outgoing.isEmpty {
      now += .milliseconds(200)
      for index in workers.indices {
        if !workers[index].isUp { start(index) }
        work(index)
        heartbeat(index)
      }
      while !outgoing.isEmpty {
        deliverOutgoing(loses: false)
      }
      while !storing.isEmpty {
        store(fails: false)
      }
      for key in rankings {
        answer(key)
      }
      rankings = []
      tell(.tick)
    }
  }

  private mutating func submit() {
    let owner = JobOwner(
      client: ["one", "two"].randomElement(using: &generator)!,
      tenant: [nil, "a", "b"].randomElement(using: &generator)!)
    guard ledger.reserve(for: owner) else { return }
    let id = JobID("job\(submitted.count)")
    submitted.append(id)
    let maxTokens = [4, 8, 64].randomElement(using: &generator)!
    var spec = Fixture.spec(maxTokens: maxTokens)
    spec.priority = Int.random(in: -5...5, using: &generator)
    if Int.random(in: 0..<4, using: &generator) == 0 { spec.deadlineMS = Int.random(in: 1...60_000, using: &generator) }
    spec.session = ["s", "t", nil].randomElement(using: &generator)!
    spec.tenant = owner.tenant
    tell(.jobStored(JobRecord(id: id, client: owner.client, spec: spec, submittedAtMS: Int64(now / .milliseconds(1)))))
  }

  private mutating func planTrial() {
    trialsPlanned += 1
    tell(.trialPlanned(Fixture.trial("trial\(trialsPlanned)"), workers.randomElement(using: &generator)!.name))
  }

  private mutating func planPlacement() {
    trialsPlanned += 1
    let members = workers.shuffled(using: &generator).prefix(Int.random(in: 1...3, using: &generator)).map(\.name)
    tell(.placementPlanned(TrialID("trial\(trialsPlanned)"), Fixture.placementSpec(), members))
    if Int.random(in: 0..<5, using: &generator) == 0 { tell(.trialWithdrawn(TrialID("trial\(trialsPlanned)"))) }
  }

  private mutating func answer(_ key: RouteKey) {
    let foresees = Bool.random(using: &generator)
    let choices = workers.shuffled(using: &generator).flatMap { worker in
      Self.candidates.prefix(
        Int.random(in: 1...2, using: &generator)
      ).map { candidate in
        let e2e = foresees ? Double.random(in: 10...1000, using: &generator) : nil
        return RouteChoice(
          worker: worker.name, candidate: candidate,
          predicted: PredictedMetrics(ttftMS: e2e.map { $0 / 4 }, e2eMS: e2e))
      }
    }
    tell(.routed(key, choices))
  }

  private mutating func store(fails: Bool) {
    guard !storing.isEmpty else { return }
    switch storing.removeFirst() {
    case .storeReport(let worker, let report, _):
      if fails {
        tell(.reportNotStored(report.lease, report.measurement.id))
      } else {
        acknowledge(worker, report.measurement.id)
        tell(.reportStored(report.lease, report.measurement.id))
      }
    case .storeEnding(let record):
      tell(fails ? .endingNotStored(record.id) : .endingStored(record.id))
    case .storeEvidence(let worker, let measurement):
      if !fails { acknowledge(worker, measurement.id) }
    default: break
    }
  }

  private mutating func acknowledge(_ worker: WorkerName, _ measurement: MeasurementID) {
    guard let index = workers.firstIndex(where: { $0.name == worker }) else { return }
    workers[index].unacknowledged.removeAll { $0.measurement.id == measurement }
  }

  // MARK: Workers

  private mutating func start(_ index: Int) {
    guard !workers[index].isUp else { return }
    workers[index].isUp = true
    // It may have been away and remember its work, or have died and know nothing.
    if Bool.random(using: &generator) {
      workers[index].running = [:]
      workers[index].hosting = []
      workers[index].endedAsHub = []
      workers[index].unacknowledged = []
    }
    // A hello is not lost without its connection; it may come again.
    let hello = LedgerEvent.workerJoined(workers[index].name, description(index))
    network.append(hello)
    tell(hello)
  }

  private mutating func stop(_ index: Int) {
    guard workers[index].isUp else { return }
    workers[index].isUp = false
    tell(.workerLost(workers[index].name))
  }

  private func description(_ index: Int) -> WorkerDescription {
    Fixture.worker(
      machine: workers[index].machine, capacity: workers[index].capacity, leases: leases(index))
  }

  private func leases(_ index: Int) -> [LeaseID] {
    Set(workers[index].running.keys).union(workers[index].hosting)
      .union(workers[index].unacknowledged.filter(\.isLast).map(\.lease)).sorted()
  }

  private mutating func heartbeat(_ index: Int) {
    guard workers[index].isUp else { return }
    let warm = hedgeShare > 0 ? Self.candidates.map(\.configuration.fingerprint) : []
    send(.heartbeat(workers[index].name, leases: leases(index), warm: warm))
  }

  private mutating func work(_ index: Int) {
    guard workers[index].isUp else { return }
    if let report = workers[index].unacknowledged.first { send(.report(workers[index].name, report)) }
    for lease in workers[index].endedAsHub.sorted() {
      send(.placementReport(workers[index].name, PlacementReport(lease: lease, news: .success(.ended))))
    }
    guard let (lease, running) = workers[index].running.sorted(by: { $0.key < $1.key }).randomElement(using: &generator)
    else { return }
    switch running.assignment.work {
    case .job(let job):
      if running.tokenCount < job.spec.maxTokens {
        let count = min(Int.random(in: 1...4, using: &generator), job.spec.maxTokens - running.tokenCount)
        let chunk = TokenChunk(
          job: job.job, lease: lease, firstIndex: running.tokenCount,
          tokenIDs: Array(repeating: 1, count: count), text: "x")
        workers[index].running[lease]!.tokenCount += count
        send(.tokens(workers[index].name, chunk))
      } else {
        finish(index, lease, .completed(Fixture.metrics(e2eMS: 10)))
      }
    case .trial:
      finish(index, lease, .completed(Fixture.metrics(e2eMS: 10)))
    case .placement:
      workers[index].running[lease] = nil
      workers[index].endedAsHub.insert(lease)
    case .hosting: break
    }
  }

  private mutating func host(_ index: Int, _ lease: LeaseID) {
    let fails = Int.random(in: 0..<6, using: &generator) == 0
    if !fails { workers[index].hosting.insert(lease) }
    let address: Result<String, ApusError> =
      fails ? .failure(ApusError(.badInput, "no such model")) : .success("tcp://127.0.0.1:1")
    send(.hostingAnswered(workers[index].name, HostingAnswer(lease: lease, address: address)))
  }

  private mutating func finish(_ index: Int, _ lease: LeaseID, _ outcome: Outcome) {
    guard let running = workers[index].running.removeValue(forKey: lease) else { return }
    if case .placement = running.assignment.work {
      let error = ApusError(.tryAgain, "it was stopped")
      return send(.placementReport(workers[index].name, PlacementReport(lease: lease, news: .failure(error))))
    }
    reportCount += 1
    let source: MeasurementSource =
      switch running.assignment.work {
      case .job(let job): .job(job.job)
      case .trial(let spec): .trial(spec.id, benchmark: spec.benchmark, purpose: .screening, round: 0)
      case .hosting, .placement: .imported(from: "nothing")
      }
    let report = Report(
      lease: lease,
      measurement: Fixture.measurement(
        "measurement\(reportCount)", source: source, worker: workers[index].name, outcome: outcome), isLast: true)
    workers[index].unacknowledged.append(report)
    send(.report(workers[index].name, report))
  }

  // MARK: The network

  /// Delivered at once, or later, or lost; and perhaps once more much later.
  private mutating func send(_ event: LedgerEvent) {
    network.append(event)
    if network.count > 40 { network.removeFirst() }
    if Int.random(in: 0..<20, using: &generator) > 0 { tell(event) }
  }

  private mutating func repeatOldMessage() {
    guard let event = network.randomElement(using: &generator) else { return }
    // A hello repeats only while its connection is there.
    if case .workerJoined(let name, _) = event, !workers.contains(where: { $0.name == name && $0.isUp }) { return }
    tell(event)
  }

  private mutating func deliverOutgoing(loses: Bool = true) {
    guard !outgoing.isEmpty else { return }
    let action = outgoing.removeFirst()
    if loses, Int.random(in: 0..<15, using: &generator) == 0 { return }
    switch action {
    case .assign(let name, let assignment, _):
      guard let index = workers.firstIndex(where: { $0.name == name }), workers[index].isUp else { return }
      if case .hosting = assignment.work { return host(index, assignment.lease) }
      var count = 0
      if case .job(let job) = assignment.work { count = job.generatedTokenIDs.count }
      workers[index].running[assignment.lease] = Running(assignment: assignment, tokenCount: count)
    case .revoke(let name, let lease):
      guard let index = workers.firstIndex(where: { $0.name == name }), workers[index].isUp else { return }
      workers[index].hosting.remove(lease)
      workers[index].endedAsHub.remove(lease)
      finish(index, lease, .cancelled)
    case .acknowledge(let name, let measurement):
      acknowledge(name, measurement)
    default: break
    }
  }

  // MARK: Telling the ledger, and checking it

  private mutating func tell(_ event: LedgerEvent) {
    for action in ledger.handle(event, at: now) {
      take(action)
    }
    check(after: event)
  }

  private mutating func take(_ action: LedgerAction) {
    switch action {
    case .assign(_, let assignment, let record):
      if case .job = assignment.work, record != nil { startCount += 1 }
      outgoing.append(action)
    case .revoke, .acknowledge: outgoing.append(action)
    case .storeReport, .storeEnding, .storeEvidence: storing.append(action)
    case .rank(let key): rankings.append(key)
    case .relay(let chunk):
      if ended[chunk.job] != nil { violations.append("\(chunk.job) showed tokens after its end") }
      if chunk.firstIndex != shown[chunk.job, default: 0] {
        violations.append("\(chunk.job) shows \(chunk.firstIndex) after \(shown[chunk.job, default: 0])")
      }
      shown[chunk.job, default: 0] += chunk.tokenIDs.count
      relayedTokens += chunk.tokenIDs.count
    case .jobEnded(let record, _):
      if let state = ended.updateValue(record.state, forKey: record.id) {
        violations.append("\(record.id) ended twice, \(state) and \(record.state)")
      }
      if !record.state.isFinished { violations.append("\(record.id) ended as \(record.state)") }
    case .trialEnded(let trial, _):
      if !trialsEnded.insert(trial).inserted { violations.append("\(trial) ended twice") }
    case .warmUp(let worker, _):
      let leases = ledger.liveLeases(of: worker)
      if !leases.isEmpty { violations.append("\(worker) is to load an engine for nobody beside \(leases)") }
    case .hedged(let record):
      hedgeCount += 1
      if shown[record.id] != nil { violations.append("\(record.id) has said something, and got a second node") }
    case .hedgeWon: hedgesWonCount += 1
    case .trialMeasured, .ignoredTokens, .streamBroken, .leaseLost, .storeLoss, .jobStranded, .placementReported,
      .hedgeLimited:
      break
    }
  }

  private mutating func check(after event: LedgerEvent) {
    var holders: [JobID: [WorkerName]] = [:]
    // Where an attempt was beaten its place is taken until its worker has stopped.
    var counts = Dictionary(grouping: ledger.leases.values.filter { $0.work == .beaten }, by: \.worker).mapValues(
      \.count)
    let leases = ledger.liveLeases
    for (lease, worker, job) in leases {
      counts[worker, default: 0] += 1
      if let job { holders[job, default: []].append(worker) }
      if let job, ended[job] != nil { violations.append("\(job) has ended and has lease \(lease)") }
    }
    for (job, holders) in holders where holders.count > 1 {
      // Before its first token a job may have two.
      if hedgeShare == 0 || shown[job] != nil || holders.count > 2 || holders[0] == holders[1] {
        violations.append("\(job) has live leases of \(holders) after \(event)")
      }
    }
    for worker in workers where counts[worker.name, default: 0] > worker.capacity {
      violations.append("\(worker.name) has \(counts[worker.name]!) leases, room for \(worker.capacity)")
    }
    for (lease, _, job) in leases where job == nil {
      let members = ledger.members(of: lease)
      let machines = Set(workers.filter { members.contains($0.name) }.map(\.machine))
      let others = leases.filter { other in
        let held = ledger.members(of: other.lease)
        return other.lease != lease && workers.contains { held.contains($0.name) && machines.contains($0.machine) }
      }
      if !others.isEmpty { violations.append("trial \(lease) shares \(machines) with \(others.map(\.lease))") }
    }
    if ledger.queuedCount < 0 { violations.append("a queue of \(ledger.queuedCount)") }
  }
}

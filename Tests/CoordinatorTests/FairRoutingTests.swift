import Messaging
import Serving
import Testing

@testable import Coordinator

/// Long seeded runs of a few nodes under more work than they can do: who gets how much, and whether all end.
@Suite("Clients share the nodes, urgent jobs get more, nobody starves")
struct FairRoutingTests {
  /// Nodes that end a job a second each, one at a time, whatever it is.
  private struct Overload {
    var ledger: JobLedger
    var now = Duration.zero
    var running: [(lease: LeaseID, worker: WorkerName, record: JobRecord)] = []
    /// In the order they were given to nodes.
    var started: [JobRecord] = []
    var ended: [JobRecord] = []
    private let workers: [WorkerName]
    private var count = 0

    init(seed: UInt64, nodes: Int = 2) {
      var generator = SeededGenerator(seed: seed)
      ledger = JobLedger(using: &generator)
      workers = (0..<nodes).map { WorkerName("node-\($0)") }
      for (place, name) in workers.enumerated() {
        tell(.workerJoined(name, Fixture.worker(machine: "m\(place)", capacity: 1)))
      }
    }

    @discardableResult mutating func submit(
      _ client: String, tenant: String? = nil, priority: Int? = nil, deadlineMS: Int? = nil, maxTokens: Int = 8
    ) -> JobID {
      count += 1
      var spec = Fixture.spec(maxTokens: maxTokens)
      spec.tenant = tenant
      spec.priority = priority
      spec.deadlineMS = deadlineMS
      let record = JobRecord(
        id: JobID("\(client)-\(count)"), client: client, spec: spec, submittedAtMS: now.milliseconds)
      tell(.jobStored(record))
      return record.id
    }

    /// A second passes: whatever runs ends.
    mutating func second() {
      now += .seconds(1)
      let ending = running
      running = []
      for (lease, worker, record) in ending {
        let report = Fixture.report(lease, job: record.id, worker: worker.rawValue)
        tell(.report(worker, report))
      }
      tell(.tick)
    }

    private mutating func tell(_ event: LedgerEvent) {
      for action in ledger.handle(event, at: now) {
        switch action {
        case .assign(let worker, let assignment, let record?):
          running.append((assignment.lease, worker, record))
          started.append(record)
        case .storeReport(_, let report, _): tell(.reportStored(report.lease, report.measurement.id))
        case .storeEnding(let record): tell(.endingStored(record.id))
        case .jobEnded(let record, _): ended.append(record)
        case .rank(let key): tell(.routed(key, workers.map { Fixture.choice($0.rawValue) }))
        default: break
        }
      }
    }
  }

  @Test(
    "A client that floods the queue does not hold up another that comes later", arguments: 1...20 as ClosedRange<UInt64>
  )
  func flood(seed: UInt64) {
    var world = Overload(seed: seed)
    for _ in 0..<200 { world.submit("flood") }
    for _ in 0..<20 { world.second() }
    let before = world.started.count
    for _ in 0..<10 { world.submit("late") }
    for _ in 0..<15 { world.second() }
    let since = world.started[before...]
    #expect(since.count { $0.client == "late" } == 10, "seed \(seed): \(since.map(\.id))")
    #expect(since.count { $0.client == "flood" } >= 10, "seed \(seed): half is the other's")
  }

  @Test(
    "A tenant that floods its client's queue does not hold up another's single job",
    arguments: 1...5 as ClosedRange<UInt64>)
  func floodingTenant(seed: UInt64) {
    var world = Overload(seed: seed)
    for _ in 0..<1000 { world.submit("gateway", tenant: "flood") }
    for _ in 0..<20 { world.second() }
    let before = world.started.count
    let single = world.submit("gateway", tenant: "late")
    for _ in 0..<5 { world.second() }
    let place = world.started[before...].firstIndex { $0.id == single }.map { $0 - before }
    #expect(place != nil && place! <= 8, "seed \(seed): after \(place ?? -1) jobs of the flood")
  }

  @Test(
    "Tenants and clients are equal owners: each gets the same, over any stretch",
    arguments: 1...10 as ClosedRange<UInt64>)
  func owners(seed: UInt64) {
    var world = Overload(seed: seed)
    let owners = [JobOwner(client: "a"), JobOwner(client: "a", tenant: "t"), JobOwner(client: "b", tenant: "t")]
    for owner in owners {
      for _ in 0..<100 { world.submit(owner.client, tenant: owner.tenant) }
    }
    for _ in 0..<60 { world.second() }
    for owner in owners {
      let share = world.started.count { $0.owner == owner }
      #expect(
        abs(share - world.started.count / 3) <= 12, "seed \(seed): \(share) of \(world.started.count) are \(owner)'s")
    }
  }

  @Test("Two clients with the same jobs get the same, over any stretch", arguments: 1...20 as ClosedRange<UInt64>)
  func equals(seed: UInt64) {
    var world = Overload(seed: seed)
    var generator = SeededGenerator(seed: seed)
    // One submits all at once, the other now and then.
    for _ in 0..<100 { world.submit("eager") }
    var left = 100
    while left > 0 || world.ledger.queuedCount > 0 {
      for _ in 0..<Int.random(in: 0...4, using: &generator) where left > 0 {
        world.submit("steady")
        left -= 1
      }
      world.second()
    }
    let first = world.started.prefix(100)
    let share = first.count { $0.client == "steady" }
    #expect(abs(share - 50) <= 12, "seed \(seed): \(share) of 100")
  }

  @Test("Work counts, not jobs: a client of long jobs gets as many tokens as one of short ones")
  func work() {
    var world = Overload(seed: 1)
    for _ in 0..<100 {
      world.submit("short", maxTokens: 10)
      world.submit("long", maxTokens: 90)
    }
    for _ in 0..<40 { world.second() }
    let tokens = Dictionary(grouping: world.started, by: \.client).mapValues { $0.reduce(0) { $0 + $1.spec.maxTokens } }
    let ratio = Double(tokens["long"]!) / Double(tokens["short"]!)
    #expect(ratio > 0.6 && ratio < 1.7, "\(tokens)")
  }

  @Test("Each step of priority doubles the share, and the last still ends", arguments: 1...10 as ClosedRange<UInt64>)
  func priorities(seed: UInt64) {
    var world = Overload(seed: seed)
    for _ in 0..<60 { world.submit("client", priority: -2) }
    for _ in 0..<120 { world.submit("client", priority: 1) }
    for _ in 0..<40 { world.second() }
    let low = world.started.count { $0.spec.priority == -2 }
    let high = world.started.count { $0.spec.priority == 1 }
    #expect(high > 4 * low, "seed \(seed): \(high) and \(low)")
    #expect(low > 0, "seed \(seed): nobody starves")
    while world.ledger.queuedCount > 0 { world.second() }
    world.second()
    #expect(world.ended.count == 180)
  }

  @Test(
    "A job whose deadline passes while it waits fails and says so; one that started goes on",
    arguments: 1...20 as ClosedRange<UInt64>)
  func deadlines(seed: UInt64) {
    var world = Overload(seed: seed)
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<40 {
      let hasDeadline = Bool.random(using: &generator)
      world.submit("client", deadlineMS: hasDeadline ? Int.random(in: 500...15_000, using: &generator) : nil)
    }
    var seconds = 0
    while world.ledger.queuedCount > 0 || !world.running.isEmpty {
      world.second()
      seconds += 1
      #expect(seconds < 100, "seed \(seed): some job never ended")
    }
    #expect(world.ended.count == 40, "seed \(seed)")
    for record in world.ended {
      switch record.state {
      case .failed:
        let deadline = record.spec.deadlineMS
        #expect(deadline != nil && record.failure?.contains("deadline, \(deadline!) ms") == true, "seed \(seed)")
        #expect(!world.started.contains { $0.id == record.id }, "seed \(seed): it never ran")
      case .completed: break
      default: Issue.record("seed \(seed): \(record.id) ended as \(record.state)")
      }
    }
    #expect(world.ended.contains { $0.state == .failed } && world.ended.contains { $0.state == .completed })
  }

  @Test("A job that is cancelled while it waits for a node leaves its queue")
  func cancelled() {
    var world = Overload(seed: 1, nodes: 1)
    world.submit("client")
    let second = world.submit("client")
    let third = world.submit("client")
    #expect(world.ledger.router.waitingCount == 2)
    for action in world.ledger.handle(.cancel(second), at: world.now) {
      if case .storeEnding(let record) = action { #expect(record.id == second && record.state == .cancelled) }
    }
    #expect(world.ledger.router.waitingCount == 1 && world.ledger.queuedCount == 1)
    world.second()
    #expect(world.started.last?.id == third)
  }

  @Test("The clock never runs back, and forgets meters that say nothing")
  func clock() {
    var clock = FairClock()
    func flow(_ client: String, _ priority: Int = 0) -> FairClock.Flow {
      FairClock.Flow(JobOwner(client: client), priority: priority)
    }
    let tags = (0..<10_000).map { clock.tag(flow("client-\($0)"), work: 1) }
    #expect(Set(tags) == [1], "whoever comes first begins at the clock")
    #expect(clock.meterCount == 10_000, "all of them say something")
    clock.served(5)
    clock.served(3)
    #expect(clock.tag(flow("new"), work: 1) == 6)
    #expect(clock.tag(flow("new", 5), work: 32) == 6)
    #expect(clock.tag(flow("new", 9), work: 32) == 7, "no priority is above the highest")
    #expect(clock.tag(flow("new", -1), work: 1) == 7)
    for place in 0..<20_000 { clock.served(clock.tag(flow("passing-\(place)"), work: 1)) }
    #expect(clock.meterCount <= FairClock.mostMeters, "those that say nothing are forgotten")
  }

  @Test("A client of countless tenants keeps a bounded number of meters: late ones share its own until others are idle")
  func countlessTenants() {
    var clock = FairClock()
    func submit(_ tenant: String?) -> (flow: FairClock.Flow, tag: Double) {
      let flow = clock.flow(of: JobOwner(client: "client", tenant: tenant), priority: 0)
      return (flow, clock.tag(flow, work: 1))
    }
    for tenant in 0..<FairClock.mostOfAClient { #expect(submit("\(tenant)").tag == 1) }
    // From here on there is one meter for all who come new.
    let late = (0..<1000).map { submit("late-\($0)") }
    #expect(late.map(\.tag) == (1...1000).map(Double.init))
    #expect(Set(late.map(\.flow)) == [FairClock.Flow(JobOwner(client: "client"), priority: 0)])
    #expect(clock.meterCount == FairClock.mostOfAClient + 1)
    // Who has a meter keeps it, and another client is none the worse.
    #expect(submit("0").tag == 2)
    let other = clock.flow(of: JobOwner(client: "other", tenant: "late-0"), priority: 0)
    #expect(clock.tag(other, work: 1) == 1)
    // All but the late ones and tenant 0 have had their turn.
    clock.served(1)
    let new = submit("new")
    #expect(new.flow.owner.tenant == "new" && new.tag == 2)
    #expect(clock.meterCount == 4, "0, new, the client's own, and the other client's")
  }
}

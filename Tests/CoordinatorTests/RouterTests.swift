import Messaging
import Selection
import Serving
import Testing

@testable import Coordinator

/// One decision after another, each from a table.
@Suite("The router's decisions")
struct RouterTests {
  /// A router over nodes that take so many seconds for the usual job, half of it reading.
  private struct Pool {
    var router: Router
    let key: RouteKey
    let ranked: RankedChoices
    private var leases = 0
    private var texts = 0

    init(_ seconds: [Double?], slots: Int = 1, policy: any RoutingPolicy = Foreseen(), objective: Objective = .e2e) {
      router = Router(policy: policy, seed: 1)
      var spec = Fixture.spec(String(repeating: "abcd", count: 512), maxTokens: 128)
      spec.objective = objective
      key = RouteKey(spec)
      var choices: [RouteChoice] = []
      for (place, seconds) in seconds.enumerated() {
        router.join(Self.name(place), machine: MachineID("m\(place)"), slotCount: slots)
        let predicted = seconds.map {
          PredictedMetrics(ttftMS: 500 * $0, tpotMS: 500 * $0 / 127, e2eMS: 1000 * $0, costPerMillionTokens: 10 / $0)
        }
        choices.append(
          RouteChoice(
            worker: Self.name(place), candidate: Fixture.candidate(), predicted: predicted ?? PredictedMetrics()))
      }
      ranked = router.ranked(choices, [], key)
      // Everything is loaded: what loading costs is another test.
      for place in seconds.indices {
        router.hear(Self.name(place), warm: [Fixture.candidate().configuration.fingerprint])
      }
    }

    static func name(_ place: Int) -> WorkerName { WorkerName("node-\(place)") }

    mutating func job(
      text: String? = nil, deadline: Double? = nil, slos: [SLO] = [], session: String? = nil, size: Double = 1
    ) -> RoutingJob {
      // As long as the key's prompt, and like no other.
      texts += 1
      let text = text ?? String(String(1_0000_0000 + texts).dropFirst()) + String(repeating: "abcd", count: 510)
      var spec = Fixture.spec(text, maxTokens: 128)
      spec.limits.slos = slos
      spec.session = session
      spec.objective = key.objective
      let flow = FairClock.Flow(JobOwner(client: "client"), priority: 0)
      let tag = router.tag(flow, work: 179)
      return RoutingJob(
        spec, promptTokens: max(1, text.utf8.count / 4), deadline: deadline, flow: flow, tag: tag, due: tag,
        size: size)
    }

    mutating func choose(_ job: RoutingJob, at now: Double = 0, failed: [FailedChoice] = []) -> Int? {
      router.choose(job, among: ranked, failed: failed, at: now)?.node
    }

    /// Sends a job where it is chosen to go.
    @discardableResult mutating func send(_ job: RoutingJob, at now: Double = 0) -> RouteOption? {
      guard let option = router.choose(job, among: ranked, failed: [], at: now) else { return nil }
      if option.hasRoom {
        start(job, on: option.choice, at: now)
      } else {
        router.enqueue(JobID("waiting-\(leases)"), job, option, engine: ranked.facts[option.choice].engine, at: now)
        leases += 1
      }
      return option
    }

    @discardableResult mutating func start(_ job: RoutingJob, on place: Int, at now: Double = 0) -> LeaseID {
      leases += 1
      let lease = LeaseID("lease-\(leases)")
      _ = router.start(lease, job, place, ranked, decided: nil, decidedAt: now, at: now)
      return lease
    }

    /// A job that runs alone on a node and takes `factor` times what was foreseen.
    ///
    /// - Parameter isSpared: whether its prompt lay in a restored slot.
    mutating func run(on place: Int, factor: Double, isSpared: Bool = false, at now: inout Double) {
      let job = job()
      let lease = start(job, on: place, at: now)
      let seconds = ranked.facts[place].ttft * 2 * factor
      now += seconds
      var metrics = Fixture.metrics(e2eMS: 1000 * seconds)
      metrics.requestCount = 1
      metrics.promptTokenCount = 512
      metrics.outputTokenCount = 128
      metrics.ttft = Fixture.latency(500 * seconds)
      metrics.tpot = Fixture.latency(500 * seconds / 127)
      var measurement = Fixture.measurement(
        "m-\(lease)", source: .job("job"), worker: Self.name(place), outcome: .completed(metrics))
      if isSpared {
        measurement.configuration = measurement.configuration.adding(
          MethodName("slot-restore"), [.slotStore: .bool(true)])
      }
      let spec = Fixture.spec(maxTokens: 128)
      router.end(lease, on: Self.name(place), measurement, of: spec, at: now)
    }
  }

  @Test("The fastest node is taken; what nobody foresees goes by the ranking")
  func fastest() {
    var pool = Pool([4, 1, 2])
    #expect(pool.choose(pool.job()) == 1)
    var unknown = Pool([nil, nil, nil])
    #expect(unknown.choose(unknown.job()) == 0)
    unknown.send(unknown.job())
    #expect(unknown.choose(unknown.job()) == 1)
  }

  @Test(
    "A job waits for a fast node as long as it is better off there, its first token counting most, then takes the slow one",
    arguments: [(slow: 1.5, waiting: 0), (slow: 3, waiting: 1), (slow: 6, waiting: 3)])
  func waits(slow: Double, waiting: Int) {
    var pool = Pool([1, slow])
    pool.send(pool.job())
    for _ in 0..<waiting {
      let option = pool.send(pool.job())
      #expect(option?.node == 0 && option?.hasRoom == false)
    }
    #expect(pool.send(pool.job())?.node == 1)
  }

  @Test("Places of a node are shared: several jobs run before one waits")
  func slots() {
    var pool = Pool([1, 20], slots: 3)
    for _ in 0..<3 { #expect(pool.send(pool.job())?.hasRoom == true) }
    #expect(pool.send(pool.job())?.hasRoom == false)
  }

  @Test("The queue of a node is bounded, and a full cluster takes nothing")
  func bounded() {
    var pool = Pool([1])
    for _ in 0..<1 + RoutingNode.waitingPerSlot { #expect(pool.send(pool.job()) != nil) }
    #expect(pool.send(pool.job()) == nil)
  }

  @Test("A node that is lost or has a trial is not chosen; its waiting jobs are given back")
  func lost() {
    var pool = Pool([1, 100])
    pool.send(pool.job())
    pool.send(pool.job())
    #expect(pool.router.waitingCount == 1)
    #expect(pool.router.lose("node-0").count == 1)
    #expect(pool.router.waitingCount == 0)
    #expect(pool.choose(pool.job()) == 1)
    pool.router.close([MachineID("m1")])
    #expect(pool.choose(pool.job()) == nil)
  }

  @Test("What failed for a job is avoided while there is another worker, and taken when there is none")
  func failed() {
    var pool = Pool([1, 9])
    let failed = FailedChoice(worker: "node-0", configuration: Fixture.candidate().configuration)
    #expect(pool.choose(pool.job(), failed: [failed]) == 1)
    _ = pool.router.lose("node-1")
    #expect(pool.choose(pool.job(), failed: [failed]) == 0)
  }

  @Test("A prompt goes where its beginning was read, until the wait there costs more than reading it again")
  func prefix() {
    var pool = Pool([1, 1, 1])
    let prompt = String(repeating: "shared! ", count: 256)
    pool.start(pool.job(text: prompt), on: 2, at: 0)
    pool.router.end("lease-1", on: "node-2", at: 1)
    #expect(pool.choose(pool.job(text: prompt + "and more"), at: 1) == 2)
    #expect(pool.choose(pool.job(text: String(repeating: "another ", count: 256)), at: 1) == 0)
    // Hot: everybody asks it. The node fills, and the others read it too.
    let nodes = (0..<3).map { _ in pool.send(pool.job(text: prompt), at: 1)!.node }
    #expect(nodes[0] == 2 && Set(nodes).count > 1, "\(nodes)")
  }

  @Test("A session stays where its last job ran when prompts are too short to tell")
  func session() {
    var pool = Pool([1, 1])
    pool.start(pool.job(text: "hello", session: "s"), on: 1, at: 0)
    pool.router.end("lease-1", on: "node-1", at: 1)
    #expect(pool.choose(pool.job(text: "again", session: "s"), at: 1) == 1)
    #expect(pool.choose(pool.job(text: "again", session: "other"), at: 1) == 0)
  }

  @Test("A loaded engine is preferred to a faster one that must be loaded first, by what loading took before")
  func warm() {
    var pool = Pool([1, 1.4])
    pool.router.hear("node-0", warm: ["other"])
    #expect(pool.choose(pool.job()) == 1, "two seconds are assumed, twice for the switch")
    // It turns out to load in no time.
    var now = 0.0
    pool.run(on: 0, factor: 1, at: &now)
    pool.router.hear("node-0", warm: ["other"])
    let taken = pool.router.choose(pool.job(), among: pool.ranked, failed: [], at: now)
    #expect(taken?.node == 1 && taken?.load == 0, "half a second of loading, as measured, twice")
    pool.router.hear("node-0", warm: [Fixture.candidate().configuration.fingerprint])
    #expect(pool.choose(pool.job(), at: now) == 0)
    // An empty node is used once the others are busy, though loading there takes longer than the wait.
    var empty = Pool([1, 1])
    empty.router.hear("node-1", warm: [])
    #expect(empty.send(empty.job())?.node == 0)
    let option = empty.send(empty.job())
    #expect(option?.node == 1 && option?.load == 2)
  }

  @Test("What keeps a deadline or a limit goes before what is better otherwise")
  func limits() {
    // Node 1 is busy for a second: it ends a job first, and begins one last.
    var pool = Pool([2.6, 1])
    pool.start(pool.job(), on: 1)
    #expect(pool.choose(pool.job()) == 1)
    #expect(pool.choose(pool.job(slos: [SLO(metric: .ttft, percentile: 99, limitMS: 1400)])) == 0)
    #expect(pool.choose(pool.job(deadline: 2.1)) == 1)
    let option = pool.router.choose(pool.job(deadline: 0.1), among: pool.ranked, failed: [], at: 0)
    #expect(option?.isLate == true, "where none is in time, the best is taken all the same")
  }

  @Test("Whoever pays least waits for nobody: price decides among the free")
  func price() {
    var pool = Pool([1, 4, 2], objective: .cost)
    #expect(pool.choose(pool.job()) == 1)
    pool.send(pool.job())
    #expect(pool.choose(pool.job()) == 2)
  }

  @Test(
    "A node that slows to half is known within 50 outcomes, and known again when it recovers", arguments: [0.5, 2, 4])
  func slows(factor: Double) {
    var pool = Pool([1])
    var now = 0.0
    for _ in 0..<30 { pool.run(on: 0, factor: 1, at: &now) }
    #expect(abs(pool.router.nodes[0].decode.factor(beside: 0) - 1) < 0.05)
    for _ in 0..<50 { pool.run(on: 0, factor: factor, at: &now) }
    #expect(abs(pool.router.nodes[0].decode.factor(beside: 0) / factor - 1) < 0.1)
    #expect(abs(pool.router.nodes[0].prefill.factor(beside: 0) / factor - 1) < 0.1)
    for _ in 0..<50 { pool.run(on: 0, factor: 1, at: &now) }
    #expect(abs(pool.router.nodes[0].decode.factor(beside: 0) - 1) < 0.1)
  }

  @Test("A node is not taken for a faster one by jobs whose prompts lay in restored slots")
  func restoredPrefixes() {
    var pool = Pool([1])
    var now = 0.0
    for _ in 0..<30 { pool.run(on: 0, factor: 1, at: &now) }
    for _ in 0..<50 { pool.run(on: 0, factor: 0.1, isSpared: true, at: &now) }
    #expect(abs(pool.router.nodes[0].prefill.factor(beside: 0) - 1) < 0.05)
    #expect(abs(pool.router.nodes[0].decode.factor(beside: 0) - 1) < 0.05)
  }

  @Test("What jobs miss for want of a place is a toll that long jobs pay, short ones hardly, until nobody misses it")
  func toll() {
    var pool = Pool([1, 1.3])
    let lease = pool.start(pool.job(), on: 0)
    // Short ones come and find the fast node full.
    for _ in 0..<20 { #expect(pool.choose(pool.job(size: 0.2), at: 0.1) == 1) }
    pool.router.end(lease, on: "node-0", at: 1)
    #expect(pool.choose(pool.job(size: 4), at: 1) == 1)
    #expect(pool.choose(pool.job(size: 0.05), at: 1) == 0)
    #expect(pool.choose(pool.job(size: 4), at: 200) == 0)
  }

  /// The coordinator's own policy, with every option predicted.
  private struct Unpruned: RoutingPolicy {
    var movesWaiting: Bool { true }
    private var foreseen = Foreseen()

    mutating func pick(_ options: [RouteOption], using generator: inout SeededGenerator) -> Int {
      foreseen.pick(options, using: &generator)
    }
  }

  @Test("What cannot be the best is not predicted, and the pick is the same", arguments: 1...20 as ClosedRange<UInt64>)
  func pruning(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let seconds = (0..<24).map { _ in Double.random(in: 0.5...8, using: &generator) }
    var pruned = Pool(seconds, slots: 2)
    var whole = Pool(seconds, slots: 2, policy: Unpruned())
    for step in 0..<120 {
      let now = Double(step) / 20
      let text = Bool.random(using: &generator) ? String(repeating: "shared! ", count: 256) : nil
      let deadline = Bool.random(using: &generator) ? now + Double.random(in: 0.5...10, using: &generator) : nil
      let size = Double.random(in: 0.1...4, using: &generator)
      let jobs = (
        pruned.job(text: text, deadline: deadline, size: size), whole.job(text: text, deadline: deadline, size: size)
      )
      let (one, other) = (pruned.send(jobs.0, at: now), whole.send(jobs.1, at: now))
      #expect(one == other, "seed \(seed), job \(step)")
    }
  }

  @Test("Every policy picks among what it is given, in turns, by load, by work or by cache")
  func policies() {
    var options = (0..<3).map { RouteOption(choice: $0, node: $0) }
    for place in options.indices {
      options[place].runningCount = [2, 1, 3][place]
      options[place].slotCount = 4
      options[place].outstandingWork = [100, 90, 80][place]
      options[place].workPerSecond = [100, 10, 20][place]
      options[place].cachedShare = [0, 0.2, 0.9][place]
      options[place].value = [3, 2, 1][place]
    }
    var generator = SeededGenerator(seed: 1)
    func picks(_ name: RoutingPolicyName, _ count: Int = 1) -> [Int] {
      var policy = name.make()
      return (0..<count).map { _ in policy.pick(options, using: &generator) }
    }
    #expect(picks(.roundRobin, 5) == [0, 1, 2, 0, 1])
    #expect(picks(.leastLoaded) == [1])
    #expect(!picks(.powerOfTwo, 50).contains(2), "the most loaded of three never wins a pair")
    #expect(picks(.leastWork) == [0])
    #expect(picks(.prefixOnly) == [2])
    #expect(picks(.foreseen) == [2])
    options[2].isLate = true
    #expect(picks(.foreseen) == [1])
    for name in RoutingPolicyName.allCases {
      var policy = name.make()
      #expect(options.indices.contains(policy.pick(options, using: &generator)))
      #expect(policy.pick([options[1]], using: &generator) == 0)
    }
  }
}

import Messaging
import Selection
import Serving
import Testing

@testable import Coordinator

/// Engines that the ledger has loaded before their jobs come, rule by rule.
@Suite("Engines loaded before their jobs come")
struct JobLedgerPrewarmingTests {
  private struct Wish: Hashable {
    var worker: WorkerName
    var warmUp: EngineWarmUp
  }

  /// Workers `a`, and `b` if it joins, which take so many times as long for a job as `Fixture.metrics` says of one second;
  /// every ranking has both.
  private struct Story {
    var ledger: JobLedger
    var now = Duration.zero
    /// What each says is loaded.
    var warm: [WorkerName: [String]] = [:]
    var candidates = [Fixture.candidate()]
    var factors: [(worker: WorkerName, factor: Double)] = [("a", 10), ("b", 12)]
    /// What an engine is foreseen to take.
    var bytes: Int?
    var memoryBytes: Int?
    private(set) var ranked: [RouteKey] = []
    private(set) var running: [(worker: WorkerName, lease: LeaseID, job: JobID)] = []
    private var wishes: [Wish] = []
    private var jobCount = 0

    init(prewarms: Bool = true) {
      var generator = SeededGenerator(seed: 1)
      ledger = JobLedger(prewarms: prewarms, using: &generator)
    }

    mutating func tell(_ event: LedgerEvent) {
      for action in ledger.handle(event, at: now) {
        switch action {
        case .rank(let key):
          ranked.append(key)
          let choices = factors.flatMap { worker, factor in
            candidates.map {
              RouteChoice(
                worker: worker, candidate: $0,
                predicted: PredictedMetrics(
                  ttftMS: 250 * factor, tpotMS: 10 * factor, e2eMS: 320 * factor, memoryBytes: bytes))
            }
          }
          tell(.routed(key, choices))
        case .assign(let worker, let assignment, let record?):
          running.append((worker, assignment.lease, record.id))
        case .storeReport(_, let report, _): tell(.reportStored(report.lease, report.measurement.id))
        case .warmUp(let worker, let warmUp): wishes.append(Wish(worker: worker, warmUp: warmUp))
        default: break
        }
      }
    }

    mutating func join(_ name: WorkerName, isAttached: Bool = false, isHeard: Bool = true) {
      var description = Fixture.worker(machine: "machine-of-\(name)", capacity: 1, models: Self.models)
      description.engineMemoryBytes = memoryBytes
      if isAttached {
        description.engines = [
          EngineDescription(name: Fixture.engine, version: "1", attachedModels: Self.models.map(\.id))
        ]
      }
      tell(.workerJoined(name, description))
      if isHeard { beat(name) }
    }

    static let models = [Fixture.model(), Fixture.model("other")]

    mutating func beat(_ name: WorkerName, warming: String? = nil) {
      tell(.heartbeat(name, leases: ledger.liveLeases(of: name), warm: warm[name] ?? [], warming: warming))
    }

    /// The worker's process ends and starts again, with nothing loaded.
    mutating func restart(_ name: WorkerName) {
      tell(.workerLost(name))
      warm[name] = []
      join(name)
    }

    mutating func start(_ model: ModelProfile = Fixture.model()) {
      jobCount += 1
      let spec = Fixture.spec(model: model)
      tell(
        .jobStored(JobRecord(id: JobID("job-\(jobCount)"), client: "client", spec: spec, submittedAtMS: 0)))
    }

    /// All that runs ends a few seconds later, its engines stay.
    mutating func end() {
      now += .seconds(6)
      let ending = running
      running = []
      for (worker, lease, job) in ending {
        let factor = factors.first { $0.worker == worker }!.factor
        let outcome = Outcome.completed(Fixture.metrics(e2eMS: 1000 * factor))
        tell(.report(worker, Fixture.report(lease, job: job, worker: worker.rawValue, outcome: outcome)))
        warm[worker] = [candidates[0].configuration.fingerprint]
        beat(worker)
      }
    }

    /// Jobs come one after the other, and end at once.
    mutating func run(_ count: Int, _ model: ModelProfile = Fixture.model()) {
      for _ in 0..<count {
        start(model)
        end()
      }
    }

    /// What workers are told to load in the next seconds.
    mutating func pass(_ count: Int = 3) -> [Wish] {
      wishes = []
      for _ in 0..<count {
        now += .seconds(1)
        tell(.tick)
      }
      return wishes
    }

    var warming: UInt64? { ledger.router.nodes[0].engines.warming?.engine }
  }

  /// `a` ran three jobs and lost its engine with its process.
  private func restarted(prewarms: Bool = true, _ change: (inout Story) -> Void = { _ in }) -> Story {
    var story = Story(prewarms: prewarms)
    change(&story)
    story.join("a")
    story.run(3)
    story.restart("a")
    return story
  }

  private let own = Wish(
    worker: "a",
    warmUp: EngineWarmUp(
      model: Fixture.model().id, configuration: Fixture.candidate().configuration, contextTokens: 2048))

  @Test("A worker that comes back with nothing loaded is told once to load what its jobs will want")
  func comesBack() {
    var story = restarted()
    #expect(story.pass() == [own])
    story.beat("a", warming: own.warmUp.configuration.fingerprint)
    #expect(story.pass() == [] && story.warming != nil)
    story.warm["a"] = [own.warmUp.configuration.fingerprint]
    story.beat("a")
    #expect(story.pass(100) == [] && story.warming == nil)
    story.restart("a")
    #expect(story.pass() == [own], "and again when it comes back again")
  }

  @Test("Where it is off nothing is loaded before a job asks for it")
  func off() {
    var story = restarted(prewarms: false)
    #expect(story.pass(10) == [])
  }

  @Test("Nothing is loaded for one job, or for jobs of half an hour ago")
  func fewJobs() {
    var story = Story()
    story.join("a")
    story.run(1)
    story.restart("a")
    #expect(story.pass(10) == [])
    story.run(5)
    _ = story.pass(1800)
    story.restart("a")
    #expect(story.pass(10) == [])
  }

  @Test("A node that did not say yet what it has loaded is left alone")
  func unheard() {
    var story = restarted()
    story.tell(.workerLost("a"))
    story.join("a", isHeard: false)
    #expect(story.pass() == [])
    story.beat("a")
    #expect(story.pass() == [own])
  }

  @Test("What is loaded, or loads, is not loaded again")
  func isThere() {
    var story = restarted()
    story.warm["a"] = [own.warmUp.configuration.fingerprint]
    story.beat("a")
    #expect(story.pass() == [])
    var loading = restarted()
    loading.start()
    #expect(loading.pass() == [], "for the job that came first")
  }

  @Test("No other engine goes for it; where memory has room for both it is loaded beside the other")
  func room() {
    var full = restarted()
    full.warm["a"] = ["other"]
    full.beat("a")
    #expect(full.pass() == [])
    for (bytes, wishes) in [(300, [own]), (900, [])] {
      var story = restarted {
        $0.memoryBytes = 1000
        $0.bytes = bytes
      }
      story.warm["a"] = ["other"]
      story.beat("a")
      #expect(story.pass() == wishes, "\(bytes) of 1000")
    }
  }

  @Test("Nothing is loaded where a job runs")
  func busy() {
    var story = restarted {
      $0.memoryBytes = 1000
      $0.bytes = 100
    }
    story.start(Fixture.model("other"))
    #expect(story.running.count == 1)
    #expect(story.pass(10) == [])
    story.end()
    #expect(story.pass() == [own])
  }

  @Test("Nothing is loaded while trials run or wait")
  func trials() {
    var story = restarted()
    story.tell(.trialPlanned(Fixture.trial("trial"), "a"))
    #expect(story.pass(10) == [])
  }

  @Test("A server that somebody else started loads nothing for us")
  func attached() {
    var story = restarted()
    story.tell(.workerLost("a"))
    story.join("a", isAttached: true)
    #expect(story.pass(10) == [])
  }

  @Test("It is the node's first strategy in the jobs' own ranking that is loaded, never another")
  func firstChoice() {
    let first = Fixture.candidate([.batchTokens: .int(512)])
    var story = restarted { $0.candidates = [first, Fixture.candidate()] }
    #expect(story.pass().map(\.warmUp.configuration) == [first.configuration])
  }

  @Test("A node loads one engine at a time")
  func oneAtATime() {
    var story = Story()
    story.memoryBytes = 1000
    story.bytes = 100
    story.join("a")
    story.run(3)
    story.run(5, Fixture.model("other"))
    story.restart("a")
    #expect(story.pass().map(\.warmUp.model) == [Fixture.model("other").id], "of which more are foreseen")
    story.beat("a", warming: own.warmUp.configuration.fingerprint)
    #expect(story.pass(10) == [])
    story.warm["a"] = [own.warmUp.configuration.fingerprint]
    story.beat("a")
    #expect(story.pass() == [own], "two engines of one configuration are two")
  }

  @Test("Two heartbeats that do not tell of it mean that it failed; then it is left for five minutes")
  func fails() {
    var story = restarted()
    #expect(story.pass() == [own])
    story.beat("a")
    #expect(story.warming != nil, "sent before the wish came")
    story.beat("a")
    #expect(story.warming == nil)
    #expect(story.pass(299) == [])
    #expect(story.pass() == [own])
  }

  @Test("A worker that is lost while it loads one is not asked again for five minutes: it may have been the cause")
  func lost() {
    var story = restarted()
    #expect(story.pass() == [own])
    story.restart("a")
    #expect(story.pass(290) == [])
    #expect(story.pass(20) == [own])
  }

  @Test("A job for another engine ends it, which is no failure; one for this engine waits for the rest of the load")
  func givesWay() throws {
    var story = restarted {
      $0.memoryBytes = 1000
      $0.bytes = 100
    }
    #expect(story.pass(2) == [own])
    var same = story
    story.start(Fixture.model("other"))
    #expect(story.warming == nil && story.running.count == 1)
    story.end()
    #expect(story.pass(40) == [own])

    let ready = try #require(same.ledger.router.nodes[0].engines.warming?.readyAt)
    #expect(ready > same.now.seconds)
    same.start()
    let engine = try #require(same.ledger.router.nodes[0].engines.engines.first)
    #expect(same.warming == nil && abs(engine.readyAt - ready) < 1e-9)
  }

  @Test("Nothing is loaded where the router sends nothing; once the better node is busy it would")
  func elsewhere() {
    var story = Story()
    story.join("a")
    story.join("b")
    story.run(5)
    #expect(story.warm["b"] == nil)
    #expect(story.pass(10) == [])
    story.start()
    #expect(story.pass(1).map(\.worker) == ["b"])
  }

  @Test("What nothing can run is not ranked again and again")
  func unroutable() {
    var story = restarted()
    let key = RouteKey(Fixture.spec())
    story.tell(.unroutable(key, reason: "no engine"))
    let before = story.ranked.count
    #expect(story.pass(20) == [] && story.ranked.count == before)
  }

  @Test("After a restart the history's newest jobs are ranked as if one waited, however long the coordinator was away")
  func recalls() {
    var story = Story()
    let records = (0..<3).map { number in
      var record = Fixture.job("old-\(number)")
      record.submittedAtMS = Int64(1000 * (3 - number))
      return record
    }
    story.now = .seconds(5000)
    story.ledger.recall(records, at: story.now)
    story.join("a")
    #expect(story.pass(1) == [] && story.ranked == [RouteKey(Fixture.spec())])
    #expect(story.pass() == [own])
  }
}

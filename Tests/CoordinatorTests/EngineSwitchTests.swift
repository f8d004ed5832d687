import Messaging
import Serving
import Testing

@testable import Coordinator

/// Two models on nodes that hold one engine and run one job at a time, a second each; loading takes two.
@Suite("Which model's engine a node holds")
struct EngineSwitchTests {
  private struct Pool {
    var router = Router(seed: 1)
    private(set) var ranked: [RankedChoices] = []
    /// Loads so far, by node.
    private(set) var loads = [0, 0]
    private var running: [(lease: LeaseID, node: Int, end: Double)] = []
    private var waiting: [JobID: (job: RoutingJob, model: Int)] = [:]
    private var count = 0

    private static let models = [Fixture.model(), Fixture.model("other")]
    private static let candidates = [
      Fixture.candidate(), Fixture.candidate([KnobName("batch"): .int(2)]),
    ]

    /// Each node has the model of its number loaded.
    init() {
      for place in 0..<2 { router.join(name(place), machine: MachineID("m\(place)"), slotCount: 1) }
      for model in 0..<2 {
        let predicted = PredictedMetrics(ttftMS: 500, tpotMS: 500 / 127, e2eMS: 1000)
        let choices = (0..<2).map {
          RouteChoice(worker: name($0), candidate: Self.candidates[model], predicted: predicted)
        }
        ranked.append(router.ranked(choices, [], RouteKey(spec(model))))
      }
      for place in 0..<2 { router.hear(name(place), warm: [Self.candidates[place].configuration.fingerprint]) }
    }

    private func name(_ place: Int) -> WorkerName { WorkerName("node-\(place)") }

    private func spec(_ model: Int) -> JobSpec {
      count == 0
        ? Fixture.spec(String(repeating: "abcd", count: 512), maxTokens: 128, model: Self.models[model])
        : Fixture.spec("\(count) " + String(repeating: "abcd", count: 510), maxTokens: 128, model: Self.models[model])
    }

    private mutating func job(_ model: Int, at now: Double) -> RoutingJob {
      count += 1
      let flow = FairClock.Flow(JobOwner(client: "client"), priority: 0)
      let tag = router.tag(flow, work: 179)
      return RoutingJob(spec(model), promptTokens: 512, deadline: nil, flow: flow, tag: tag, due: now)
    }

    func option(_ model: Int, on node: Int, at now: Double) -> RouteOption {
      var pool = self
      return router.predict(pool.job(model, at: now), node, ranked[model], nil, at: now)
    }

    /// A job comes, and goes where it is sent.
    mutating func send(_ model: Int, at now: Double) -> RouteOption {
      advance(to: now)
      let job = job(model, at: now)
      let option = router.choose(job, among: ranked[model], failed: [], at: now)!
      if option.hasRoom {
        start(job, model, on: option.choice, at: now)
      } else {
        let id = JobID("waiting-\(count)")
        waiting[id] = (job, model)
        router.enqueue(id, job, option, engine: ranked[model].facts[option.choice].engine, at: now)
      }
      return option
    }

    mutating func start(_ job: RoutingJob, _ model: Int, on place: Int, at now: Double) {
      let node = ranked[model].facts[place].node
      let load = router.predict(job, place, ranked[model], nil, at: now).load
      if load > 0 { loads[node] += 1 }
      count += 1
      let lease = LeaseID("lease-\(count)")
      _ = router.start(lease, job, place, ranked[model], decided: nil, decidedAt: now, at: now)
      running.append((lease, node, now + load + 1))
    }

    mutating func load(_ model: Int, on node: Int, at now: Double) {
      start(job(model, at: now), model, on: node, at: now)
    }

    mutating func advance(to now: Double) {
      while let next = running.indices.min(by: { running[$0].end < running[$1].end }), running[next].end <= now {
        let (lease, node, end) = running.remove(at: next)
        router.end(lease, on: name(node), at: end)
        while let next = router.next(node) {
          let (job, model) = waiting.removeValue(forKey: next.job)!
          start(job, model, on: next.option.choice, at: end)
        }
      }
    }
  }

  @Test("An engine that loads is waited for, not loaded again; the one that it puts out is gone at once")
  func loading() {
    var pool = Pool()
    #expect(pool.option(1, on: 0, at: 0).load == 2)
    pool.load(1, on: 0, at: 0)
    #expect(pool.option(1, on: 0, at: 0.5).load == 1.5)
    #expect(pool.option(1, on: 0, at: 2.5).load == 0)
    // The first job of the other model has to end before its engine goes.
    #expect(abs(pool.option(0, on: 0, at: 0.5).load - (2.5 + 2)) < 1e-9)
  }

  @Test("Two models that both have work keep their engines, in bursts too")
  func keeps() {
    var pool = Pool()
    for step in 0..<60 {
      let now = 1.25 * Double(step)
      // Two at once of one model, then two of the other.
      for model in step % 2 == 0 ? [0, 0] : [1, 1] { _ = pool.send(model, at: now) }
    }
    #expect(pool.loads == [0, 0])
  }

  @Test("A model with too much for one node gets the other's, when nobody uses it, with one load")
  func takes() {
    var pool = Pool()
    var sentElsewhere = 0
    for step in 0..<60 where pool.send(0, at: 0.6 * Double(step)).node == 1 { sentElsewhere += 1 }
    #expect(pool.loads == [0, 1] && sentElsewhere > 15)
  }

  @Test("In a queue those whose engine is loaded pass one that needs a load, until it is eight loads late")
  func passes() throws {
    var node = RoutingNode("node", machine: MachineID("m"))
    node.engines.serve(1, configuration: 1, readyAt: 0, at: 0)
    let flow = FairClock.Flow(JobOwner(client: "client"), priority: 0)
    func wait(_ job: JobID, engine: UInt64, due: Double) -> RoutingNode.Waiting {
      RoutingNode.Waiting(
        job: job, engine: engine, seconds: 1, work: 1, tag: 0, flow: flow, due: due,
        option: RouteOption(choice: 0, node: 0), decidedAt: 0)
    }
    let latest = 8 * Router.assumedLoadSeconds
    node.enqueue(wait("needs-load", engine: 2, due: 0))
    node.enqueue(wait("in-time", engine: 1, due: latest - 1))
    node.enqueue(wait("too-late", engine: 1, due: latest + 1))
    var order: [JobID] = []
    while let next = node.removeNext(allowance: 0, loadPatience: 8) { order.append(next.job) }
    #expect(order == ["in-time", "needs-load", "too-late"])
  }
}

import Coordinator
import Glibc
import Messaging
import Selection
import Serving
import Testing

/// Plays long seeded runs of jobs: how often they explore, and what they are never given.
@Suite("Exploring stays within its budget")
struct ExplorerTests {
  private let best = ExplorerTests.option("best", ratio: -0.1, deviation: 0.02)
  /// May be better, may be worse.
  private let open = ExplorerTests.option("open", ratio: -0.1, deviation: 0.1)

  private static func option(
    _ name: String, worker: String = "a", ratio: Double, deviation: Double, group: Int = 0, isTight: Bool = false,
    loadSeconds: Double = 0, e2eMS: Double? = 1000
  ) -> ExplorationOption {
    ExplorationOption(
      worker: WorkerName(worker), candidate: Fixture.candidate([KnobName(name): .int(1)]),
      predicted: PredictedMetrics(e2eMS: e2eMS), group: group,
      level: LogEstimate(mean: log(1000), variance: 0.04),
      ratio: LogEstimate(mean: ratio, variance: deviation * deviation), isTight: isTight, loadSeconds: loadSeconds)
  }

  private func choice(_ option: ExplorationOption) -> RouteChoice {
    RouteChoice(worker: option.worker, candidate: option.candidate, predicted: option.predicted)
  }

  /// - Returns: for each job what it tried, nil for what is believed best.
  private func run(
    _ options: [ExplorationOption], jobs: Int = 20_000, policy: ExplorationPolicy = ExplorationPolicy(),
    isIdle: Bool = true, seed: UInt64 = 7
  ) -> [ExplorationOption?] {
    var explorer = Explorer(policy, seed: seed)
    return (0..<jobs).map { _ in
      guard explorer.isDue(isIdle: isIdle) else { return nil }
      return explorer.pick(instead: choice(options[0]), among: options) { _ in true }.map { options[$0] }
    }
  }

  private func share(_ picks: [ExplorationOption?]) -> Double {
    Double(picks.count { $0 != nil }) / Double(picks.count)
  }

  @Test("At most the share explores over a long run, about half of it among equals, a fifth while there is other work")
  func shareHolds() {
    for policy in [0.01, 0.05, 0.2].map({ ExplorationPolicy(share: $0) }) {
      let idle = share(run([best, open], policy: policy))
      #expect(idle <= policy.share && idle > 0.3 * policy.share, "\(idle) of \(policy.share)")
      let busy = share(run([best, open], policy: policy, isIdle: false))
      #expect(busy <= 0.2 * policy.share && busy > 0.03 * policy.share, "\(busy) of \(policy.share)")
    }
    #expect(share(run([best, open], policy: .off)) == 0)
    // Every window, not only the whole run: what is saved up is bounded.
    let picks = run([best, open])
    for start in stride(from: 0, to: picks.count - 200, by: 50) {
      #expect(picks[start..<start + 200].count { $0 != nil } <= 12)
    }
  }

  @Test("The same seed explores the same jobs in the same way; another seed does not")
  func replay() {
    let options = [best, open, Self.option("other", ratio: -0.1, deviation: 0.08)]
    #expect(run(options) == run(options))
    #expect(run(options) != run(options, seed: 8))
    #expect(Set(run(options).compactMap { $0?.candidate }).count == 2)
  }

  @Test("What is surely worse is hardly drawn, what may be better often")
  func thompson() {
    let worse = Self.option("worse", ratio: 0.05, deviation: 0.02)
    let picks = run([best, open, worse]).compactMap { $0 }
    #expect(picks.count { $0 == worse } < picks.count / 100)
    #expect(picks.count { $0 == open } > picks.count * 9 / 10)
  }

  @Test("Nothing is tried that may be slower than allowed: by its own doubt, on another node, or because it loads")
  func slowdown() {
    // 1.5 is 0.405: the upper end of a difference of 0 reaches it at a deviation of 0.246.
    #expect(share(run([best, Self.option("doubtful", ratio: -0.1, deviation: 0.26)])) == 0)
    #expect(share(run([best, Self.option("doubtful", ratio: -0.1, deviation: 0.23)])) > 0)
    #expect(
      share(
        run([best, Self.option("doubtful", ratio: -0.1, deviation: 0.26)], policy: ExplorationPolicy(maxSlowdown: 2)))
        > 0)
    // Two nodes of a deviation of 0.2 each differ by 0.28, and one of them does not share the other's level.
    #expect(share(run([best, Self.option("there", worker: "b", ratio: -0.1, deviation: 0.02, group: 1)])) == 0)
    // A second's load on a second's job, with a best choice that is loaded.
    #expect(share(run([best, Self.option("cold", ratio: -0.3, deviation: 0.1, loadSeconds: 1)])) == 0)
    #expect(share(run([best, Self.option("cold", ratio: -0.3, deviation: 0.1, loadSeconds: 0.1)])) > 0)
    #expect(share(run([best, Self.option("unknown", ratio: -0.3, deviation: 0.1, loadSeconds: 1, e2eMS: nil)])) == 0)
  }

  @Test("A job whose limit is in doubt never explores, and nothing is tried that may break it")
  func tight() {
    var tightBest = best
    tightBest.isTight = true
    #expect(share(run([tightBest, open])) == 0)
    var tightOpen = open
    tightOpen.isTight = true
    #expect(share(run([best, tightOpen])) == 0)
  }

  // MARK: In the ledger

  @Test("A ledger explores with new jobs where there is room, says so in the record, and not when a job is tried again")
  func ledger() {
    var generator = SeededGenerator(seed: 3)
    var ledger = JobLedger(exploration: ExplorationPolicy(share: 0.5), using: &generator)
    _ = ledger.handle(.workerJoined("a", Fixture.worker()), at: .zero)
    let options = [best, open, Self.option("absent", worker: "b", ratio: -0.5, deviation: 0.1)]
    var explored = 0
    for number in 0..<100 {
      var actions = ledger.handle(.jobStored(Fixture.job("job-\(number)")), at: .zero)
      for case .rank(let key) in actions {
        actions += ledger.handle(.routed(key, [choice(best)], exploring: options), at: .zero)
      }
      guard case .assign(let worker, let assignment, let record)? = actions.last, case .job(let job) = assignment.work
      else {
        Issue.record("job \(number) was not given: \(actions)")
        return
      }
      #expect(worker == "a", "b is not there")
      #expect(record?.isExploration == (job.candidate == open.candidate))
      #expect(record?.configuration == job.candidate.configuration)
      if record?.isExploration == true { explored += 1 }
      let failed = Outcome.engineFailed(reason: "test", lastLines: "")
      let report = Fixture.report(assignment.lease, job: job.job, worker: "a", outcome: failed)
      _ = ledger.handle(.report("a", report), at: .zero)
      let again = ledger.handle(.reportStored(assignment.lease, report.measurement.id), at: .zero)
      for case .assign(_, let second, let record) in again {
        #expect(record?.isExploration == false, "a job is tried again as it is believed best")
        let report = Fixture.report(second.lease, job: job.job, worker: "a")
        _ = ledger.handle(.report("a", report), at: .zero)
        _ = ledger.handle(.reportStored(second.lease, report.measurement.id), at: .zero)
      }
    }
    #expect(explored > 5 && explored <= 50)
  }
}

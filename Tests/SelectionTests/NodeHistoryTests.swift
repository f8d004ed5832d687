import Glibc
import Serving
import Testing

@testable import Selection

@Suite("What a node went through decides what is still believed of it")
struct NodeHistoryTests {
  private let model = SyntheticWorld.targets[0]
  private let hardware = SyntheticWorld.hardware[0]
  private let normal = EngineConfiguration(engine: SyntheticWorld.engine)
  private let world = SyntheticWorld()

  /// Jobs of one worker, each of its own length.
  private struct Jobs {
    var generator: SeededGenerator
    var index: EvidenceIndex
    var count = 0

    init(_ index: EvidenceIndex = EvidenceIndex(), seed: UInt64 = 3) {
      self.index = index
      generator = SeededGenerator(seed: seed)
    }

    mutating func run(
      _ jobs: Int, worker: String = "one", candidate: Candidate, factor: Double = 1, version: String = "1",
      fails: Bool = false, model: ModelProfile = SyntheticWorld.targets[0]
    ) {
      for _ in 0..<jobs {
        count += 1
        let prompt = Int.random(in: 45...85, using: &generator)
        let output = Int.random(in: 23...44, using: &generator)
        let workload = Workload(
          name: "job", promptTokens: prompt...prompt, outputTokens: output...output, requestCount: 1)
        let truth = SyntheticWorld().truth(candidate.configuration, model, SyntheticWorld.hardware[0], workload)
          .scaled(factor * exp(0.15 * generator.normal()))
        var metrics = truth.metrics
        metrics.requestCount = 1
        metrics.promptTokenCount = prompt
        metrics.outputTokenCount = output
        metrics.wallSeconds = Double(output) / truth.throughput
        var measurement = SyntheticWorld.measurement(
          "job\(count)", source: .job(JobID("job\(count)")), model, SyntheticWorld.hardware[0], workload, candidate,
          fails ? .engineFailed(reason: "test", lastLines: "") : .completed(metrics))
        measurement.worker = WorkerName(worker)
        measurement.engineVersion = version
        index.insert(measurement)
      }
    }
  }

  private var candidates: [Candidate] { SyntheticWorld.candidates(model, hardware, .chat).filter(\.isApplicable) }
  private var plain: Candidate { candidates.first { $0.configuration.isDefault }! }
  private func candidate(_ knob: KnobName) -> Candidate {
    candidates.first { Array($0.configuration.knobs.keys) == [knob] }!
  }

  /// What is foreseen of a job of 64 and 32 tokens on a worker.
  private func foreseen(
    _ index: EvidenceIndex, worker: String = "one", model: ModelProfile? = nil, workload: Workload? = nil,
    _ candidate: Candidate
  ) throws -> RankedCandidate {
    let job = Workload(name: "job", promptTokens: 64...64, outputTokens: 32...32, requestCount: 1)
    let answer = Recommender(model: nil, evidence: index).recommend(
      [SyntheticWorld.set(model ?? self.model, hardware, workload ?? job, worker: worker)], objective: .e2e,
      limits: Limits(allowsApproximate: true))
    return try #require(answer.candidates.first { $0.candidate.configuration == candidate.configuration })
  }

  private func truth(
    _ model: ModelProfile? = nil, configuration: EngineConfiguration? = nil, workload: Workload? = nil
  ) -> Double {
    let job = Workload(name: "job", promptTokens: 64...64, outputTokens: 32...32, requestCount: 1)
    return world.truth(configuration ?? normal, model ?? self.model, hardware, workload ?? job).e2eMS
  }

  @Test("Jobs of other lengths tell what a job takes, and how a strategy does")
  func similarLengths() throws {
    var jobs = Jobs()
    let threads = candidate(.threadCount)
    jobs.run(20, candidate: plain)
    jobs.run(20, candidate: threads)
    let e2e = try #require(try foreseen(jobs.index, plain).predicted.e2eMS)
    #expect(abs(log(e2e / truth())) < 0.15, "\(e2e) against \(truth())")
    // One thread is faster there than the roofline says by a law that it does not know.
    let other = try foreseen(jobs.index, threads)
    let inTruth = truth(configuration: threads.configuration)
    #expect(abs(log(other.predicted.e2eMS! / inTruth)) < 0.15, "\(other.predicted) against \(inTruth)")
    #expect(other.reasons.contains { $0 == "ran 20 jobs of similar lengths here" })
  }

  @Test("A node that slows to half is told within 50 jobs, and is then foreseen as it is; its twin is not touched")
  func drift() throws {
    var jobs = Jobs()
    for worker in ["one", "two"] { jobs.run(60, worker: worker, candidate: plain) }
    #expect(jobs.index.changes.isEmpty)
    var outcomes = 0
    while jobs.index.changes.isEmpty, outcomes < 50 {
      jobs.run(1, candidate: plain, factor: 2)
      outcomes += 1
    }
    let change = try #require(jobs.index.changes.first)
    #expect(change.worker == WorkerName("one") && change.knobs == nil && outcomes <= 15)
    guard case .drift(let factor, _) = change.cause else { return }
    #expect(abs(log(factor / 2)) < 0.3)
    // Three more, and the forecast is near; the twin's is where it was.
    jobs.run(3, candidate: plain, factor: 2)
    let slow = try #require(try foreseen(jobs.index, plain).predicted.e2eMS)
    let twin = try #require(try foreseen(jobs.index, worker: "two", plain).predicted.e2eMS)
    #expect(abs(log(slow / (2 * truth()))) < 0.3, "\(slow) against \(2 * truth())")
    #expect(abs(log(twin / truth())) < 0.2, "\(twin) against \(truth())")
    jobs.run(200, candidate: plain, factor: 2)
    jobs.run(200, worker: "two", candidate: plain)
    #expect(jobs.index.changes.count == 1, "\(jobs.index.changes)")
  }

  @Test("Rounds in turns from before a change count as one, with what may have changed since, and the answer says so")
  func staleRounds() throws {
    let trials = world.trial(model, hardware, .chat, rounds: 8).map { measurement in
      var measurement = measurement
      measurement.worker = WorkerName("one")
      measurement.engineVersion = "1"
      return measurement
    }
    var jobs = Jobs(EvidenceIndex(trials))
    let threads = candidate(.threadCount)
    let before = try foreseen(jobs.index, workload: .chat, threads)
    jobs.run(1, candidate: plain, version: "2")
    #expect(jobs.index.changes.map(\.cause) == [.engineVersion(from: "1", to: "2")])
    let after = try foreseen(jobs.index, workload: .chat, threads)
    func width(_ range: ClosedRange<Double>?) throws -> Double {
      let range = try #require(range)
      return log(range.upperBound / range.lowerBound)
    }
    #expect(try width(after.speedupInterval) > 2 * width(before.speedupInterval))
    #expect(abs(log(after.speedup! / before.speedup!)) < 0.2)
    #expect(after.reasons.contains { $0.contains("went from version 1 to 2") }, "\(after.reasons)")
    // On the new version the twin that has it too shares what is learned, the one that has not keeps what it knew.
    #expect(try width(foreseen(jobs.index, worker: "two", workload: .chat, threads).speedupInterval) > 0)
  }

  @Test("A strategy that alone gets slow goes its own way; the others keep what is known of them")
  func family() throws {
    var jobs = Jobs()
    let threads = candidate(.threadCount)
    for _ in 0..<40 {
      jobs.run(4, candidate: plain)
      jobs.run(1, candidate: threads)
    }
    for _ in 0..<50 where jobs.index.changes.isEmpty {
      jobs.run(4, candidate: plain)
      jobs.run(1, candidate: threads, factor: 2)
    }
    #expect(jobs.index.changes.map(\.knobs) == [[.threadCount]])
    let found = jobs.index.contexts(
      model: model, hardware: hardware, worker: WorkerName("one"), engine: SyntheticWorld.engine,
      workload: Workload(name: "job", promptTokens: 64...64, outputTokens: 32...32, requestCount: 1))
    #expect(jobs.index.evidence(found, threads.configuration).change != nil)
    #expect(jobs.index.evidence(found, normal).change == nil)
  }

  @Test("A node that slows for a while and recovers is at once foreseen as before, with all that was known of it")
  func recovers() throws {
    var jobs = Jobs()
    let threads = candidate(.threadCount)
    jobs.run(60, candidate: plain)
    jobs.run(20, candidate: threads)
    let homes = jobs.index.nodes.place(WorkerName("one"), SyntheticWorld.engine, hardware: 0)
    for round in 1...10 {
      for factor in [2.0, 1] {
        jobs.run(40, candidate: plain, factor: factor)
        let place = jobs.index.nodes.place(WorkerName("one"), SyntheticWorld.engine, hardware: 0)
        #expect((place.home == homes.home) == (factor == 1), "round \(round): \(place)")
      }
    }
    #expect(jobs.index.changeCount == 20)
    #expect(try foreseen(jobs.index, threads).reasons.contains { $0 == "ran 20 jobs of similar lengths here" })
  }

  @Test("However often a node changes, what its jobs told is kept of two homes, what its trials told of all")
  func forgets() throws {
    var jobs = Jobs()
    jobs.run(60, candidate: plain)
    var cellCounts: [Int] = []
    for phase in 1...39 {
      // No change undoes the one before.
      jobs.run(60, candidate: plain, factor: [1, 3, 0.5][phase % 3])
      if phase == 3 {
        for measurement in world.trial(model, hardware, .chat, rounds: 1) {
          var measurement = measurement
          measurement.worker = WorkerName("one")
          measurement.engineVersion = "1"
          jobs.index.insert(measurement)
        }
      }
      cellCounts.append(jobs.index.exact.allCells.count)
    }
    #expect(jobs.index.changeCount >= 39)
    #expect(jobs.index.changes.count == NodeHistory.mostChanges)
    let ofTrial = jobs.index.exact.allCells.filter { $0.cell.pairs >= 0 }
    #expect(ofTrial.count == candidates.count - 1)
    // At the shared home, at the node's own and at the one before; a phase is 60 jobs and may be told late by some.
    #expect(cellCounts.last! <= candidates.count + 3 * 80, "\(cellCounts)")
    let homes = Set(jobs.index.exact.allContexts.keys.map(\.hardware))
    #expect(homes.count <= 4 && homes.contains(0), "\(homes)")
    // What is kept is found where it was.
    jobs.run(3, candidate: plain)
    let e2e = try #require(try foreseen(jobs.index, plain).predicted.e2eMS)
    #expect(abs(log(e2e / truth())) < 0.3, "\(e2e) against \(truth())")
    for (context, configuration, _) in ofTrial {
      #expect(jobs.index.exact.cell(context, configuration)?.pairs ?? -1 >= 0)
      #expect(jobs.index.gainWeights()(context, configuration) == 0.5)
    }
  }

  @Test("Three jobs on a node move its forecasts for another model and another length; one absurd job does not")
  func nodeEffect() throws {
    let other = SyntheticWorld.targets[1]
    let errors = try [0, 1, 3, 10].map { count -> Double in
      var jobs = Jobs()
      jobs.run(count, candidate: plain)
      let long = Workload(name: "job", promptTokens: 500...500, outputTokens: 100...100, requestCount: 1)
      let e2e = try #require(try foreseen(jobs.index, model: other, workload: long, plain).predicted.e2eMS)
      return abs(log(e2e / truth(other, workload: long)))
    }
    #expect(errors[2] < 0.6 * errors[0] && errors[3] < 0.5 * errors[0], "\(errors)")
    #expect(
      NodeEffect.condition(LogEstimate(mean: 1, variance: 0.09), residuals: []) == LogEstimate(mean: 1, variance: 0.09))
    let usual = NodeEffect.condition(LogEstimate(mean: 1, variance: 0.09), residuals: [0.1, 0.12, 0.08, 0.1, 0.11])
    let absurd = NodeEffect.condition(LogEstimate(mean: 1, variance: 0.09), residuals: [0.1, 0.12, 0.08, 0.1, 7])
    #expect(abs(usual.mean - absurd.mean) < 0.02 && usual.mean > 1.05 && usual.variance < 0.06)
  }

  @Test("A strategy whose jobs failed every time is refused, until the engine is another")
  func failures() throws {
    var jobs = Jobs()
    let threads = candidate(.threadCount)
    jobs.run(5, candidate: plain)
    jobs.run(2, candidate: threads, fails: true)
    #expect(try foreseen(jobs.index, threads).candidate.refusedReason?.contains("failed all 2 times") == true)
    jobs.run(1, candidate: plain, version: "2")
    #expect(try foreseen(jobs.index, threads).candidate.isApplicable)
  }

  @Test("Equal histories give equal changes, and training counts what is stale for less")
  func training() throws {
    var jobs = Jobs()
    jobs.run(60, candidate: plain)
    jobs.run(60, candidate: plain, factor: 2)
    var again = Jobs()
    again.run(60, candidate: plain)
    again.run(60, candidate: plain, factor: 2)
    #expect(jobs.index.changes == again.index.changes && jobs.index.changes.count == 1)
    let home = jobs.index.nodes.place(WorkerName("one"), SyntheticWorld.engine, hardware: 0)
    #expect(home.former == 0 && home.home != 0)
    #expect(jobs.index.isStale(0, SyntheticWorld.engine, 0) && !jobs.index.isStale(home.home, SyntheticWorld.engine, 0))
  }
}

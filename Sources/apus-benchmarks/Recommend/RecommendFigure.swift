import ArgumentParser
import Foundation
import Selection
import Serving

/// What one recommendation costs inside the coordinator's process.
struct RecommendFigure: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "recommend", abstract: "Time of one recommendation, selector trained and warm.")

  @Option(help: "Candidates.") var candidates = 200
  @Option(help: "Measurements in the history.") var rows = 10_000
  @Option(help: "Measured recommendations of each kind.") var calls = 500
  @Option(help: "What the selector learns with.") var regressor = RegressorChoice.served
  @Option(help: "Seed of the history.") var seed: UInt64 = 1
  @Flag(help: "Print one JSON object.") var json = false

  func validate() throws {
    guard (2...200).contains(candidates), rows >= SelectorTrainer.leastMeasurements, calls > 0 else {
      throw ValidationError(
        "give 2 to 200 candidates, at least \(SelectorTrainer.leastMeasurements) rows, 1 call or more")
    }
  }

  func run() throws {
    var report = FigureReport(figure: "recommend", method: [])
    var history = SyntheticHistory(seed: seed)
    let measurements = history.measurements(rows)
    let (trainSeconds, file) = try Self.timed {
      try SelectorTrainer.train(measurements, models: SyntheticHistory.models, members: regressor.members)
    }
    var evidence = EvidenceIndex()
    for measurement in measurements { evidence.insert(measurement) }
    let model = file.model

    let one = [oneWorker]
    let many = severalWorkers
    let single = times(one, model, evidence)
    let spread = times(many, model, evidence)
    let full = times(one, model, evidence, inFull: true)
    let proposing = (0..<calls).map { _ in
      Self.timed { _ = SyntheticHistory.candidates(SyntheticHistory.models[1], SyntheticHistory.hardware[0], .chat) }.0
    }
    report.add("p50_ms", "recommend, one worker, p50", Percentiles(single).p50 * 1e3, "ms", target: 2)
    report.add("p99_ms", "recommend, one worker, p99", Percentiles(single).p99 * 1e3, "ms")
    report.add(
      "several_workers_p50_ms", "recommend, \(many.count) workers, p50", Percentiles(spread).p50 * 1e3, "ms", target: 2)
    report.add("several_workers_p99_ms", "recommend, \(many.count) workers, p99", Percentiles(spread).p99 * 1e3, "ms")
    report.add(
      "full_p50_ms", "recommend, one worker, all metrics of all candidates with their intervals, p50",
      Percentiles(full).p50 * 1e3, "ms", target: 10)
    report.add("propose_p50_ms", "proposing one worker's candidates, p50", Percentiles(proposing).p50 * 1e3, "ms")
    report.add("train_s", "training the selector", trainSeconds, "s")
    report.method = [
      "a call is Recommender(model, evidence).recommend(sets, objective, limits), as the coordinator makes it for each "
        + "question; wall time in this process on one thread, objective e2e, \(calls) calls after 50 to warm up",
      regressor.sentence,
      "one worker: \(candidates) candidates that all can run there (a grid over slots, threads, step size, prefix cache and "
        + "flash attention); several workers: the first \(many.reduce(0) { $0 + $1.candidates.count }) candidates of what is "
        + "really proposed on \(many.count) machines, refused ones included; proposing them stands beside",
      "the history: \(rows) synthetic measurements with seed \(seed), \(evidence.measurementCount) of them usable, of 4 models on "
        + "3 machines in 6 workloads; the selector was trained on all of them (\(file.bytes.count / 1024) KiB) and loaded",
    ]
    report.print(asJSON: json)
  }

  private func times(
    _ sets: [CandidateSet], _ model: SelectorModel, _ evidence: EvidenceIndex, inFull: Bool = false
  ) -> [Double] {
    func call() -> Recommendation {
      Recommender(model: model, evidence: evidence).recommend(
        sets, objective: .e2e, limits: Limits(), inFull: inFull)
    }
    for _ in 0..<50 { _ = call() }
    return (0..<calls).map { _ in
      let (seconds, recommendation) = Self.timed(call)
      precondition(recommendation.candidates.count == sets.reduce(0) { $0 + $1.candidates.count })
      return seconds
    }
  }

  private static func timed<Value>(_ body: () throws -> Value) rethrows -> (Double, Value) {
    let start = ContinuousClock.now
    let value = try body()
    return ((.now - start) / .seconds(1), value)
  }

  private var oneWorker: CandidateSet {
    let base = EngineConfiguration(engine: SyntheticHistory.engine)
    var configurations = [base]
    for slots in [1, 2, 4, 8, 16] {
      for threads in [1, 2, 4, 8, 16] {
        for step in [128, 256] {
          for caches in [true, false] {
            for flash in [true, false] {
              configurations.append(
                EngineConfiguration(
                  engine: SyntheticHistory.engine,
                  knobs: [
                    .slotCount: .int(slots), .threadCount: .int(threads), .microBatchTokens: .int(step),
                    .prefixCaching: .bool(caches), .flashAttention: .bool(flash),
                  ]))
            }
          }
        }
      }
    }
    return set(
      SyntheticHistory.hardware[0],
      configurations.prefix(candidates).map {
        Candidate(configuration: $0, fidelity: .exact)
      })
  }

  /// As many workers as it takes.
  private var severalWorkers: [CandidateSet] {
    var sets: [CandidateSet] = []
    var left = candidates
    while left > 0 {
      let hardware = SyntheticHistory.hardware[sets.count % SyntheticHistory.hardware.count]
      let proposed = SyntheticHistory.candidates(SyntheticHistory.models[1], hardware, .concurrent).prefix(left)
      sets.append(set(hardware, Array(proposed)))
      left -= proposed.count
    }
    return sets
  }

  private func set(_ hardware: HardwareProfile, _ candidates: [Candidate]) -> CandidateSet {
    CandidateSet(
      worker: WorkerName("worker-\(hardware.machine)"), hardware: hardware, model: SyntheticHistory.models[1],
      available: SyntheticHistory.models, workload: .concurrent, candidates: candidates)
  }
}

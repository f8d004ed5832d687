import CMessages
import Serving

// Trials and benchmarks in Schemas/messages.proto.

extension TrialSpec: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__TrialSpec>) { apus__trial_spec__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__TrialSpec>, _ arena: Arena) throws(CodecError) {
    c.pointee.id = try arena.text(id)
    c.pointee.benchmark = try arena.text(benchmark)
    c.pointee.purpose = Apus__TrialPurpose(rawValue: purpose.wireNumber)
    c.pointee.model = try arena.text(model)
    c.pointee.n_candidates = candidates.count
    c.pointee.candidates = try arena.messages(candidates)
    c.pointee.n_workloads = workloads.count
    c.pointee.workloads = try arena.messages(workloads)
    c.pointee.n_lineups = lineups.count
    c.pointee.lineups = try arena.messages(lineups.map(Lineup.init))
    c.pointee.rounds = try arena.count(rounds, "TrialSpec.rounds")
    c.pointee.first_round = try arena.count(firstRound, "TrialSpec.first_round")
    c.pointee.seed = seed
    c.pointee.time_limit_seconds = try Wire.number(timeLimitSeconds, "TrialSpec.time_limit_seconds")
    c.pointee.n_quality_wanted = qualityWanted.count
    c.pointee.quality_wanted = try arena.counts(qualityWanted, "TrialSpec.quality_wanted")
  }

  init(reading c: UnsafePointer<Apus__TrialSpec>) throws(CodecError) {
    self.init(
      id: try Wire.id(c.pointee.id, "TrialSpec.id"),
      benchmark: try Wire.id(c.pointee.benchmark, "TrialSpec.benchmark"),
      purpose: try Wire.choice(c.pointee.purpose.rawValue, "TrialSpec.purpose"),
      model: try Wire.id(c.pointee.model, "TrialSpec.model"),
      candidates: try Wire.messages(c.pointee.candidates, c.pointee.n_candidates, "TrialSpec.candidates"),
      workloads: try Wire.messages(c.pointee.workloads, c.pointee.n_workloads, "TrialSpec.workloads"),
      lineups: try Self.lineups(c),
      rounds: try Wire.count(c.pointee.rounds, "TrialSpec.rounds"),
      firstRound: try Wire.count(c.pointee.first_round, "TrialSpec.first_round"),
      seed: c.pointee.seed,
      timeLimitSeconds: try Wire.number(c.pointee.time_limit_seconds, "TrialSpec.time_limit_seconds"),
      qualityWanted: try Wire.counts(
        c.pointee.quality_wanted, c.pointee.n_quality_wanted, "TrialSpec.quality_wanted"))
    guard hasSoundLineups else {
      throw .invalid(
        field: "TrialSpec.lineups", problem: "do not name existing candidates, each once, for each of its workloads")
    }
  }

  private static func lineups(_ c: UnsafePointer<Apus__TrialSpec>) throws(CodecError) -> [[Int]] {
    let lineups: [Lineup] = try Wire.messages(c.pointee.lineups, c.pointee.n_lineups, "TrialSpec.lineups")
    return lineups.map(\.candidates)
  }
}

/// One of a trial's lineups.
private struct Lineup: WireValue {
  let candidates: [Int]

  init(_ candidates: [Int]) { self.candidates = candidates }

  static func initialize(_ c: UnsafeMutablePointer<Apus__Lineup>) { apus__lineup__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__Lineup>, _ arena: Arena) throws(CodecError) {
    c.pointee.n_candidates = candidates.count
    c.pointee.candidates = try arena.copy(candidates.map { Int32(clamping: $0) })
  }

  init(reading c: UnsafePointer<Apus__Lineup>) throws(CodecError) {
    candidates = UnsafeBufferPointer(start: c.pointee.candidates, count: c.pointee.n_candidates).map { Int($0) }
  }
}

extension BenchmarkSpec: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__BenchmarkSpec>) { apus__benchmark_spec__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__BenchmarkSpec>, _ arena: Arena) throws(CodecError) {
    c.pointee.id = try arena.text(id)
    c.pointee.n_models = models.count
    c.pointee.models = try arena.texts(models)
    c.pointee.n_workloads = workloads.count
    c.pointee.workloads = try arena.messages(workloads)
    c.pointee.n_methods = methods.count
    c.pointee.methods = try arena.texts(methods)
    c.pointee.n_workers = workers.count
    c.pointee.workers = try arena.texts(workers)
    c.pointee.budget_seconds = try Wire.number(budgetSeconds, "BenchmarkSpec.budget_seconds")
    c.pointee.objective = Apus__Objective(rawValue: objective.wireNumber)
    c.pointee.seed = seed
  }

  init(reading c: UnsafePointer<Apus__BenchmarkSpec>) throws(CodecError) {
    self.init(
      id: try Wire.id(c.pointee.id, "BenchmarkSpec.id"),
      models: try Wire.ids(c.pointee.models, c.pointee.n_models, "BenchmarkSpec.models"),
      workloads: try Wire.messages(c.pointee.workloads, c.pointee.n_workloads, "BenchmarkSpec.workloads"),
      methods: try Wire.ids(c.pointee.methods, c.pointee.n_methods, "BenchmarkSpec.methods"),
      workers: try Wire.ids(c.pointee.workers, c.pointee.n_workers, "BenchmarkSpec.workers"),
      budgetSeconds: try Wire.number(c.pointee.budget_seconds, "BenchmarkSpec.budget_seconds"),
      objective: try Wire.choice(c.pointee.objective.rawValue, "BenchmarkSpec.objective"),
      seed: c.pointee.seed)
  }
}

extension BenchmarkProgress: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__BenchmarkProgress>) { apus__benchmark_progress__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__BenchmarkProgress>, _ arena: Arena) throws(CodecError) {
    c.pointee.benchmark = try arena.text(benchmark)
    c.pointee.phase = try arena.text(phase)
    c.pointee.completed_blocks = try arena.count(completedBlocks, "BenchmarkProgress.completed_blocks")
    c.pointee.planned_blocks = try arena.count(plannedBlocks, "BenchmarkProgress.planned_blocks")
    c.pointee.elapsed_seconds = try Wire.number(elapsedSeconds, "BenchmarkProgress.elapsed_seconds")
    c.pointee.latest = try arena.text(latest)
  }

  init(reading c: UnsafePointer<Apus__BenchmarkProgress>) throws(CodecError) {
    self.init(
      benchmark: try Wire.id(c.pointee.benchmark, "BenchmarkProgress.benchmark"),
      phase: try Wire.text(c.pointee.phase, "BenchmarkProgress.phase"),
      completedBlocks: try Wire.count(c.pointee.completed_blocks, "BenchmarkProgress.completed_blocks"),
      plannedBlocks: try Wire.count(c.pointee.planned_blocks, "BenchmarkProgress.planned_blocks"),
      elapsedSeconds: try Wire.number(c.pointee.elapsed_seconds, "BenchmarkProgress.elapsed_seconds"),
      latest: try Wire.text(c.pointee.latest, "BenchmarkProgress.latest"))
  }
}

extension BenchmarkFinding: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__BenchmarkFinding>) { apus__benchmark_finding__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__BenchmarkFinding>, _ arena: Arena) throws(CodecError) {
    c.pointee.model = try arena.text(model)
    c.pointee.worker = try arena.text(worker)
    c.pointee.workload = try arena.message(workload)
    c.pointee.best = try arena.message(best)
    c.pointee.default_metrics = try arena.message(defaultMetrics)
    c.pointee.best_metrics = try arena.message(bestMetrics)
    c.pointee.speedup = try arena.number(speedup, "BenchmarkFinding.speedup")
    c.pointee.speedup_interval = try arena.interval(speedupInterval, "BenchmarkFinding.speedup_interval")
    c.pointee.pair_count = try arena.count(pairCount, "BenchmarkFinding.pair_count")
    c.pointee.approximate = try arena.message(approximate)
    c.pointee.approximate_speedup = try arena.number(approximateSpeedup, "BenchmarkFinding.approximate_speedup")
    c.pointee.predicted = try arena.message(predicted)
  }

  init(reading c: UnsafePointer<Apus__BenchmarkFinding>) throws(CodecError) {
    self.init(
      model: try Wire.id(c.pointee.model, "BenchmarkFinding.model"),
      worker: try Wire.id(c.pointee.worker, "BenchmarkFinding.worker"),
      workload: try Wire.message(c.pointee.workload, "BenchmarkFinding.workload"),
      best: try Wire.message(c.pointee.best, "BenchmarkFinding.best"),
      defaultMetrics: try Wire.optional(c.pointee.default_metrics),
      bestMetrics: try Wire.optional(c.pointee.best_metrics),
      speedup: try Wire.number(c.pointee.speedup, "BenchmarkFinding.speedup"),
      speedupInterval: try Wire.interval(c.pointee.speedup_interval, "BenchmarkFinding.speedup_interval"),
      pairCount: try Wire.count(c.pointee.pair_count, "BenchmarkFinding.pair_count"),
      approximate: try Wire.optional(c.pointee.approximate),
      approximateSpeedup: try Wire.number(c.pointee.approximate_speedup, "BenchmarkFinding.approximate_speedup"),
      predicted: try Wire.optional(c.pointee.predicted))
  }
}

extension CandidateQuality: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__CandidateQuality>) { apus__candidate_quality__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__CandidateQuality>, _ arena: Arena) throws(CodecError) {
    c.pointee.model = try arena.text(model)
    c.pointee.candidate = try arena.message(candidate)
    c.pointee.loss = try arena.message(loss)
  }

  init(reading c: UnsafePointer<Apus__CandidateQuality>) throws(CodecError) {
    self.init(
      model: try Wire.id(c.pointee.model, "CandidateQuality.model"),
      candidate: try Wire.message(c.pointee.candidate, "CandidateQuality.candidate"),
      loss: try Wire.message(c.pointee.loss, "CandidateQuality.loss"))
  }
}

extension BenchmarkSummary: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__BenchmarkSummary>) { apus__benchmark_summary__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__BenchmarkSummary>, _ arena: Arena) throws(CodecError) {
    c.pointee.benchmark = try arena.text(benchmark)
    c.pointee.n_findings = findings.count
    c.pointee.findings = try arena.messages(findings)
    c.pointee.measurement_count = try arena.count(measurementCount, "BenchmarkSummary.measurement_count")
    c.pointee.n_outcomes = outcomes.count
    c.pointee.outcomes = try arena.counts(outcomes, "BenchmarkSummary.outcomes")
    c.pointee.elapsed_seconds = try Wire.number(elapsedSeconds, "BenchmarkSummary.elapsed_seconds")
    c.pointee.was_cut_short = wasCutShort ? 1 : 0
    c.pointee.n_qualities = qualities.count
    c.pointee.qualities = try arena.messages(qualities)
  }

  init(reading c: UnsafePointer<Apus__BenchmarkSummary>) throws(CodecError) {
    self.init(
      benchmark: try Wire.id(c.pointee.benchmark, "BenchmarkSummary.benchmark"),
      findings: try Wire.messages(c.pointee.findings, c.pointee.n_findings, "BenchmarkSummary.findings"),
      measurementCount: try Wire.count(c.pointee.measurement_count, "BenchmarkSummary.measurement_count"),
      outcomes: try Wire.counts(c.pointee.outcomes, c.pointee.n_outcomes, "BenchmarkSummary.outcomes"),
      elapsedSeconds: try Wire.number(c.pointee.elapsed_seconds, "BenchmarkSummary.elapsed_seconds"),
      wasCutShort: c.pointee.was_cut_short != 0,
      qualities: try Wire.messages(c.pointee.qualities, c.pointee.n_qualities, "BenchmarkSummary.qualities"))
  }
}

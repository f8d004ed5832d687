public import Serving

/// Turns a benchmark into trials within its budget, and their results into findings.
///
/// On each machine the workers take turns, because they share its cores. The strongest worker goes first, through
/// three phases for each of its models:
/// 1. screening: the default and as many candidates as fit, each workload once;
/// 2. paired rounds: for each workload the default and the best few, in turns, twice;
/// 3. confirmation: the default and the winner on prompts nobody has seen. Its time comes on top of the budget.
///
/// A second worker of the same machine skips the screening: for each workload it tries the default and what the first
/// one found best.
/// Choosing the best of many noisy figures picks lucky ones (research: half of such gains vanish when measured again);
/// therefore a finding's speed-up comes from the confirmation alone, and "no gain" is a finding.
///
/// A pure struct. Time in which a trial waits for its machine is not counted; the one that runs it says when each
/// trial `started` and `ended`.
public struct TrialPlanner: Sendable {
  public struct Options: Hashable, Sendable {
    /// Seconds of confirmation on each machine.
    public var confirmationSeconds = 60.0
    /// Exact candidates that go into the paired rounds of a workload.
    public var contenderCount = 3
    public var pairedRounds = 2
    /// Share of the budget for second workers of a machine, and of the rest for screening.
    public var reducedShare = 0.15
    public var screeningShare = 0.7
    /// Engines loaded side by side.
    public var chunkSize = 16
    /// How long a lost worker's trials wait for it.
    public var workerPatience = Duration.seconds(30)
    /// Times a target's trials may be broken off before it is given up.
    public var interruptions = 5
    /// Whether the selector is asked what to confirm, and what it foresees, before each machine's confirmation.
    /// Otherwise the best of the paired rounds is confirmed.
    public var asksSelector = false

    public init() {}
  }

  /// Screening: below this share of the default's speed a candidate is no contender. Single blocks differ by 13% in the
  /// median on a busy machine, so a candidate that looks 15% slower may still be the best.
  static let contenderThreshold = 0.85
  /// A winner that the paired rounds see at less than this is not worth a confirmation: the answer is "no gain".
  static let winnerThreshold = 1.03

  let spec: BenchmarkSpec
  let options: Options
  let createdAt: Duration
  var identifiers: IdentifierSource
  var trialCount: UInt64 = 0
  var targets: [TargetPlan]
  var lanes: [Lane]
  var running: [TrialID: RunningTrial] = [:]
  var goneSince: [WorkerName: Duration] = [:]
  var completedBlocks = 0
  var latest = "waiting for the machine"
  var lastPhase = TrialPurpose.screening
  var wasCutShort = false
  var isWithdrawn = false

  public init(
    spec: BenchmarkSpec, targets: [PlannerTarget], options: Options = Options(), at now: Duration,
    using generator: inout some RandomNumberGenerator
  ) {
    self.spec = spec
    self.options = options
    createdAt = now
    identifiers = IdentifierSource(using: &generator)
    var plans: [TargetPlan] = []
    var lanes: [Lane] = []
    for (machine, ofMachine) in Dictionary(grouping: targets, by: \.hardware.machine).sorted(by: { $0.key < $1.key }) {
      var lane = Lane(machine: machine)
      // Strongest worker first; models in the order asked.
      for target in ofMachine.sorted(by: Self.goesBefore(spec.models)) {
        let isFirst = !lane.targets.contains { plans[$0].target.model.id == target.model.id }
        lane.targets.append(plans.count)
        plans.append(TargetPlan(target, objective: spec.objective, isReduced: !isFirst))
      }
      lanes.append(lane)
    }
    self.targets = plans
    self.lanes = lanes
  }

  private static func goesBefore(_ models: [ModelID]) -> (PlannerTarget, PlannerTarget) -> Bool {
    { a, b in
      let strengths = (
        a.hardware.gemmRate * Double(a.hardware.coreCount), b.hardware.gemmRate * Double(b.hardware.coreCount)
      )
      if a.worker != b.worker {
        return strengths.0 != strengths.1 ? strengths.0 > strengths.1 : a.worker < b.worker
      }
      return (models.firstIndex(of: a.model.id) ?? .max) < (models.firstIndex(of: b.model.id) ?? .max)
    }
  }

  // MARK: What happens

  /// A measurement of this benchmark, also one from an earlier run of it.
  public mutating func measured(_ measurement: Measurement, at now: Duration) {
    guard
      let index = targets.firstIndex(where: {
        $0.target.worker == measurement.worker && $0.target.model.id == measurement.model.id
      })
    else { return }
    completedBlocks += 1
    targets[index].results.record(measurement)
    var words = measurement.outcome.explanation
    if let metrics = measurement.outcome.metrics {
      targets[index].cost.measured(measurement.workload, metrics)
      words = describe(measurement, metrics, targets[index].results)
    }
    latest =
      "\(measurement.model.name) on \(measurement.worker), \(measurement.workload.name), "
      + "\(measurement.configuration.label): \(words)"
    if case .trial(let id, _, _, _) = measurement.source, running[id] != nil {
      running[id]!.measuredBlocks += 1
      running[id]!.measuredSeconds += measurement.outcome.metrics?.wallSeconds ?? 0
    }
  }

  public mutating func started(_ trial: TrialID, at now: Duration) {
    running[trial]?.startedAt = now
    if let purpose = running[trial]?.spec.purpose { lastPhase = purpose }
  }

  public mutating func ended(_ trial: TrialID, _ ending: TrialEnding, at now: Duration) {
    guard let ended = running.removeValue(forKey: trial) else { return }
    lanes[ended.lane].running = nil
    guard let start = ended.startedAt else {
      resume(ended, wasInterrupted: false)
      return
    }
    let seconds = (now - start).seconds
    lanes[ended.lane].spent[ended.phase, default: 0] += seconds
    if ending == .finished {
      targets[ended.target].cost.trialEnded(
        overheadSeconds: seconds - ended.measuredSeconds, candidateCount: ended.spec.candidates.count)
      finish(ended)
    } else {
      resume(ended, wasInterrupted: true)
    }
  }

  public mutating func workerGone(_ worker: WorkerName, at now: Duration) {
    if goneSince[worker] == nil { goneSince[worker] = now }
  }

  public mutating func workerBack(_ worker: WorkerName) { goneSince[worker] = nil }

  /// Nothing more is planned; `isDone` once what runs has ended.
  public mutating func withdraw() {
    isWithdrawn = true
    wasCutShort = true
  }

  /// The trials that may start now: at most one for each machine.
  public mutating func next(at now: Duration) -> [PlannedTrial] {
    guard !isWithdrawn else { return [] }
    for (worker, since) in goneSince where now - since >= options.workerPatience {
      for index in targets.indices where targets[index].target.worker == worker && !targets[index].isDropped {
        targets[index].isDropped = true
        wasCutShort = true
      }
    }
    return lanes.indices.compactMap { lane in
      guard lanes[lane].running == nil, let (target, phase, spec) = nextTrial(lane) else { return nil }
      running[spec.id] = RunningTrial(spec: spec, lane: lane, target: target, phase: phase)
      lanes[lane].running = spec.id
      return PlannedTrial(spec: spec, worker: targets[target].target.worker)
    }
  }

  /// What the selector is to be asked before the confirmation may start; empty unless a machine waits for it.
  public var openQuestions: [SelectorQuestion] {
    lanes.filter { $0.awaitsSelector }.flatMap { lane in
      lane.targets.filter { !targets[$0].isDropped }.flatMap { target in
        spec.workloads.map { SelectorQuestion(target: targets[target].target, workload: $0) }
      }
    }
  }

  /// Takes the answers to questions that were open. One without an answer falls back on the paired rounds.
  ///
  /// A machine that began to wait after the questions were put still waits for its own.
  public mutating func answered(
    _ questions: [SelectorQuestion], with answers: [SelectorQuestion: Recommendation]
  ) {
    let asked = Set(questions.map(\.target))
    for lane in lanes.indices where lanes[lane].awaitsSelector {
      guard lanes[lane].targets.contains(where: { asked.contains(targets[$0].target) }) else { continue }
      lanes[lane].awaitsSelector = false
      lanes[lane].hasAskedSelector = true
    }
    for (question, recommendation) in answers {
      guard let index = targets.firstIndex(where: { $0.target == question.target }) else { continue }
      targets[index].recommendations[question.workload.shape] = recommendation
    }
  }

  public var runningTrials: [TrialID] { running.keys.sorted() }

  /// Whether every finding is as good as it gets.
  public var isDone: Bool {
    running.isEmpty && (isWithdrawn || lanes.allSatisfy { $0.isDone })
  }

  private func describe(_ measurement: Measurement, _ metrics: Metrics, _ results: TargetResults) -> String {
    let purposes = Set([measurement.source.purpose].compactMap { $0 })
    let ratios = results.ratios(measurement.configuration, measurement.workload, purposes)
    guard measurement.configuration != results.baseline, let speedup = ratios.speedup else {
      return "\(Int(metrics.e2e.meanMS.rounded())) ms a request"
    }
    return "\((speedup * 100).rounded() / 100) x the default"
  }
}

/// One target on its way through the phases.
struct TargetPlan: Sendable {
  let target: PlannerTarget
  /// A further worker of a machine: tries only what the first one found.
  let isReduced: Bool
  var results: TargetResults
  var cost: BlockCost
  /// Candidates that were not screened yet, in order.
  var unscreened: [Candidate]
  /// Screening trials it had.
  var screenings = 0
  var isScreened = false
  /// Nil until planned.
  var paired: [TrialGroup]?
  /// What the selector said, by workload shape.
  var recommendations: [String: Recommendation] = [:]
  /// Workloads (by shape) whose winner had its confirmation.
  var confirmed: Set<String> = []
  var interruptions = 0
  var isDropped = false

  init(_ target: PlannerTarget, objective: Objective, isReduced: Bool) {
    self.target = target
    self.isReduced = isReduced
    results = TargetResults(objective: objective, baseline: target.candidates[0].configuration)
    cost = BlockCost(model: target.model, hardware: target.hardware)
    unscreened = Array(target.candidates.dropFirst())
  }

  var baseline: Candidate { target.candidates[0] }
}

/// Candidates to run against the default on some workloads.
struct TrialGroup: Hashable, Sendable {
  var candidates: [Candidate]
  var workloads: [Workload]
  var rounds: Int
}

/// What happens on one machine, one trial after another.
struct Lane: Sendable {
  let machine: MachineID
  /// Indices into the planner's targets, in the order they are served.
  var targets: [Int] = []
  var running: TrialID?
  /// Seconds trials took, by phase.
  var spent: [TrialPhase: Double] = [:]
  var awaitsSelector = false
  var hasAskedSelector = false
  var isDone = false

  init(machine: MachineID) { self.machine = machine }
}

enum TrialPhase: String, Hashable, Sendable {
  case screening, paired, reduced, confirmation
}

struct RunningTrial: Sendable {
  let spec: TrialSpec
  let lane: Int
  let target: Int
  let phase: TrialPhase
  /// Nil while it waits for its machine.
  var startedAt: Duration?
  var measuredBlocks = 0
  var measuredSeconds = 0.0

  init(spec: TrialSpec, lane: Int, target: Int, phase: TrialPhase) {
    self.spec = spec
    self.lane = lane
    self.target = target
    self.phase = phase
  }
}

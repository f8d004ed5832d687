public import Serving

/// Turns a benchmark into trials within its budget, and their results into findings.
///
/// On each machine the workers take turns, because they share its cores. The strongest worker goes first. For each of
/// its models and each workload there is a `Race`; models take turns, and one trial serves the races of all workloads of
/// its model, because a loaded engine can run blocks of each:
/// 1. first looks: the default and as many candidates as the time allows, one short block each, only on workloads that
///    they can help;
/// 2. paired rounds: for each workload the default and the best few, in turns, losers leaving;
/// 3. confirmation: the default and the winner on prompts nobody has seen. Its time comes on top of the budget.
///
/// A second worker of the same machine begins with what the first one found. Time that nobody can use any more, because
/// races were decided early, goes to the others.
/// Choosing the best of many noisy figures picks lucky ones (research: half of such gains vanish when measured again);
/// therefore a finding's speed-up comes from the confirmation alone, and "no gain" is a finding.
///
/// A pure struct. Time in which a trial waits for its machine is not counted; the one that runs it says when each
/// trial `started` and `ended`.
public struct TrialPlanner: Sendable {
  public struct Options: Hashable, Sendable {
    /// Seconds of confirmation on each machine.
    public var confirmationSeconds = 60.0
    /// How each race is run.
    public var race = Race.Options()
    /// Share of the budget for second workers of a machine.
    public var reducedShare = 0.3
    /// Share of a target's time that first looks may take while paired rounds are still to come.
    public var screeningShare = 0.6
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
  private(set) public var isWithdrawn = false

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
        plans.append(TargetPlan(target, spec: spec, options: options.race, isReduced: !isFirst))
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

  /// A measurement of this benchmark.
  public mutating func measured(_ measurement: Measurement, at now: Duration) {
    guard let index = index(of: measurement) else { return }
    completedBlocks += 1
    targets[index].record(measurement)
    if measurement.quality?.isExact == false {
      // Quality is measured once for all workers with the model.
      for same in targets.indices where targets[same].target.model.id == measurement.model.id {
        targets[same].noteInexact(measurement.configuration)
      }
    }
    let words =
      measurement.outcome.metrics.map { describe(measurement, $0, targets[index].results) }
      ?? measurement.outcome.explanation
    latest =
      "\(measurement.model.name) on \(measurement.worker), \(measurement.workload.name), "
      + "\(measurement.configuration.label): \(words)"
    if case .trial(let id, _, _, _) = measurement.source, running[id] != nil {
      running[id]!.measuredBlocks += 1
      running[id]!.measuredSeconds += measurement.outcome.metrics?.wallSeconds ?? 0
    } else {
      // Of an earlier run of this benchmark.
      targets[index].refreshRaces()
    }
  }

  func index(of measurement: Measurement) -> Int? {
    targets.firstIndex {
      $0.target.worker == measurement.worker && $0.target.model.id == measurement.model.id
    }
  }

  public mutating func started(_ trial: TrialID, at now: Duration) {
    running[trial]?.startedAt = now
    if let purpose = running[trial]?.spec.purpose { lastPhase = purpose }
  }

  public mutating func ended(_ trial: TrialID, _ ending: TrialEnding, at now: Duration) {
    guard let ended = running.removeValue(forKey: trial) else { return }
    let target = ended.target
    lanes[ended.lane].running = nil
    targets[target].refreshRaces()
    guard let start = ended.startedAt else { return }
    let seconds = (now - start).seconds
    spend(seconds, ended.spec.purpose, target: target)
    guard ending == .finished else {
      // What it has not measured is planned anew.
      targets[target].interruptions += 1
      if targets[target].interruptions > options.interruptions {
        targets[target].isDropped = true
        wasCutShort = true
      }
      return
    }
    targets[target].cost.trialEnded(
      overheadSeconds: seconds - ended.measuredSeconds, candidateCount: ended.spec.candidates.count)
    if ended.measuredBlocks < ended.spec.blockCount { wasCutShort = true }
    if ended.spec.purpose == .confirmation {
      targets[target].confirmed.formUnion(ended.spec.workloads.map(\.shape))
    } else {
      targets[target].trialFinished(ended.spec)
      if targets[target].isBarren {
        targets[target].hasRaced = true
        wasCutShort = true
      }
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
      guard lanes[lane].running == nil, let (target, spec) = nextTrial(lane) else { return nil }
      running[spec.id] = RunningTrial(spec: spec, lane: lane, target: target)
      lanes[lane].running = spec.id
      return PlannedTrial(spec: spec, worker: targets[target].target.worker)
    }
  }

  /// What the selector is to be asked before the confirmation may start; empty unless a machine waits for it.
  public var openQuestions: [SelectorQuestion] {
    lanes.filter(\.awaitsSelector).flatMap { lane in
      lane.targets.filter { !targets[$0].isDropped }.flatMap { target in
        targets[target].measuredWorkloads.map { workload in
          SelectorQuestion(
            model: targets[target].target.model, worker: targets[target].target.worker, workload: workload)
        }
      }
    }
  }

  /// Takes the answers to questions that were open. One without an answer falls back on the paired rounds.
  ///
  /// A machine that began to wait after the questions were put still waits for its own.
  public mutating func answered(
    _ questions: [SelectorQuestion], with answers: [SelectorQuestion: Recommendation]
  ) {
    let asked = Set(questions.map(\.worker))
    for lane in lanes.indices where lanes[lane].awaitsSelector {
      guard lanes[lane].targets.contains(where: { asked.contains(targets[$0].target.worker) }) else { continue }
      lanes[lane].awaitsSelector = false
      lanes[lane].hasAskedSelector = true
    }
    for (question, recommendation) in answers {
      let index = targets.firstIndex {
        $0.target.worker == question.worker && $0.target.model.id == question.model.id
      }
      if let index { targets[index].recommendations[question.workload.shape] = recommendation }
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

/// What happens on one machine, one trial after another.
struct Lane: Sendable {
  let machine: MachineID
  /// Indices into the planner's targets, in the order they are served.
  var targets: [Int] = []
  var running: TrialID?
  var confirmationSeconds = 0.0
  var awaitsSelector = false
  var hasAskedSelector = false
  var isDone = false

  init(machine: MachineID) { self.machine = machine }
}

struct RunningTrial: Sendable {
  let spec: TrialSpec
  let lane: Int
  let target: Int
  /// Nil while it waits for its machine.
  var startedAt: Duration?
  var measuredBlocks = 0
  var measuredSeconds = 0.0

  init(spec: TrialSpec, lane: Int, target: Int) {
    self.spec = spec
    self.lane = lane
    self.target = target
  }
}

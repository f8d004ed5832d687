public import Serving

/// A model on a worker, with what could be tried there: the unit a benchmark is planned in.
public struct PlannerTarget: Hashable, Sendable {
  public var model: ModelProfile
  public var worker: WorkerName
  public var hardware: HardwareProfile
  /// What all others are compared with: an engine's default. Where no engine loads the model itself, it is the default
  /// of one that loads the same weights from another file.
  public var baseline: Candidate
  /// By the workload's shape: who could help there. A workload without a list is not measured here.
  public var startLists: [String: StartList]
  /// Bytes the worker lets its engines take together.
  public var engineMemoryBytes: Int
  /// Bytes to keep free for a candidate's engine; none for one that is not in it, as a server that somebody else started.
  public var plannedBytes: [EngineConfiguration: Int]

  /// - Parameter engineMemoryBytes: nil for all of the hardware's memory.
  public init(
    model: ModelProfile, worker: WorkerName, hardware: HardwareProfile, baseline: Candidate,
    startLists: [String: StartList], engineMemoryBytes: Int? = nil, plannedBytes: [EngineConfiguration: Int] = [:]
  ) {
    precondition(
      baseline.configuration.methods.isEmpty, "\(baseline.configuration.label) is not an engine's default")
    self.model = model
    self.worker = worker
    self.hardware = hardware
    self.baseline = baseline
    self.startLists = startLists
    self.engineMemoryBytes = engineMemoryBytes ?? hardware.memoryBytes
    self.plannedBytes = plannedBytes
  }

  /// All that could be tried for any workload, each once, the default first.
  public var candidates: [Candidate] {
    var seen: Set<EngineConfiguration> = []
    let entrants = startLists.sorted { $0.key < $1.key }.flatMap { $1.entrants.map(\.candidate) }
    return ([baseline] + entrants).filter { seen.insert($0.configuration).inserted }
  }
}

/// What the planner wants to hear from the selector: what to use for this workload of a model on a worker.
public struct SelectorQuestion: Hashable, Sendable {
  public var model: ModelProfile
  public var worker: WorkerName
  public var workload: Workload
}

/// A trial that may start now.
public struct PlannedTrial: Hashable, Sendable {
  public var spec: TrialSpec
  public var worker: WorkerName
}

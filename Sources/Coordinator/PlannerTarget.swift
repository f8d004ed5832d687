import Acceleration
public import Serving

/// A model on a worker, with what could be tried there: the unit a benchmark is planned in.
public struct PlannerTarget: Hashable, Sendable {
  public var model: ModelProfile
  public var worker: WorkerName
  public var hardware: HardwareProfile
  /// Applicable ones in the order to try them. The first is what all others are compared with: an engine's default.
  public var candidates: [Candidate]
  /// Bytes the worker lets its engines take together.
  public var engineMemoryBytes: Int
  /// Bytes to keep free for a candidate's engine; none for one that is not in it, as a server that somebody else started.
  public var plannedBytes: [EngineConfiguration: Int]

  /// - Parameter engineMemoryBytes: nil for all of the hardware's memory.
  public init(
    model: ModelProfile, worker: WorkerName, hardware: HardwareProfile, candidates: [Candidate],
    engineMemoryBytes: Int? = nil, plannedBytes: [EngineConfiguration: Int] = [:]
  ) {
    precondition(!candidates.isEmpty, "a target without a candidate has nothing to measure")
    self.model = model
    self.worker = worker
    self.hardware = hardware
    self.candidates = candidates
    self.engineMemoryBytes = engineMemoryBytes ?? hardware.memoryBytes
    self.plannedBytes = plannedBytes
  }
}

extension PlannerTarget {
  /// Candidates of several workloads in one order to try them, so that a short budget still sees every kind: the
  /// default, then one setting of each method, then combinations and further settings in turns.
  ///
  /// - Parameter proposals: for each workload what was proposed; refused ones are left out.
  public static func order(_ proposals: [[Candidate]]) -> [Candidate] {
    var seen: Set<EngineConfiguration> = []
    let all = proposals.joined().filter { $0.isApplicable && seen.insert($0.configuration).inserted }
    // An engine that loads the model's weights from another file is its default there too; what all are compared with
    // loads the model itself.
    let plain = all.filter(\.configuration.methods.isEmpty)
    let defaults = plain.filter(\.configuration.isDefault) + plain.filter { !$0.configuration.isDefault }
    var settings: [[MethodName]: [Candidate]] = [:]
    var methods: [[MethodName]] = []
    var combinations: [Candidate] = []
    for candidate in all where !candidate.configuration.methods.isEmpty {
      let key = candidate.configuration.methods
      if key.count > 1 {
        combinations.append(candidate)
      } else {
        if settings[key] == nil { methods.append(key) }
        settings[key, default: []].append(candidate)
      }
    }
    // The catalogue's order, not that of the first workload's proposals: what needs several requests comes first too.
    let places = Dictionary(uniqueKeysWithValues: MethodCatalogue.all.enumerated().map { ($1.name, $0) })
    func place(_ methods: [MethodName]) -> Int { methods.first.flatMap { places[$0] } ?? .max }
    methods.sort { place($0) < place($1) }
    let first = methods.compactMap { settings[$0]!.first }
    let longest = settings.values.map(\.count).max() ?? 0
    var further = (1..<max(2, longest)).flatMap { place in
      methods.compactMap { settings[$0]!.count > place ? settings[$0]![place] : nil }
    }[...]
    var rest = combinations[...]
    var ordered = defaults + first
    while !further.isEmpty || !rest.isEmpty {
      if let combination = rest.popFirst() { ordered.append(combination) }
      if let setting = further.popFirst() { ordered.append(setting) }
    }
    return ordered
  }
}

/// What the planner wants to hear from the selector: what to use for this workload on this target.
public struct SelectorQuestion: Hashable, Sendable {
  public var target: PlannerTarget
  public var workload: Workload
}

/// A trial that may start now.
public struct PlannedTrial: Hashable, Sendable {
  public var spec: TrialSpec
  public var worker: WorkerName
}

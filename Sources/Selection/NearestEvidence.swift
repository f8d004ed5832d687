public import Serving

/// Picks from a history the measurements that say most about one strategy in one context: of the strategy itself before
/// the engine's default, on hardware like this before other, in similar workloads before others, new before old.
public struct NearestEvidence {
  /// Measurements of the history that are looked at, and of those how many are kept.
  public static let mostRows: Int64 = 20_000
  static let kept = 6

  private let model: ModelID
  private let fingerprint: String
  private let shape: WorkloadShape
  private let configuration: ConfigurationKey
  private let objective: Objective
  private var best: [(rank: Rank, evidence: Explanation.Evidence)] = []

  private struct Rank: Comparable {
    var isOther: Int
    var isElsewhere: Int
    var distance: Double
    var age: Int64

    static func < (a: Rank, b: Rank) -> Bool {
      (a.isOther, a.isElsewhere, a.distance, a.age) < (b.isOther, b.isElsewhere, b.distance, b.age)
    }
  }

  public init(
    model: ModelID, hardware: HardwareProfile, workload: Workload, configuration: EngineConfiguration,
    objective: Objective
  ) {
    self.model = model
    fingerprint = hardware.fingerprint
    shape = WorkloadShape(workload)
    self.configuration = ConfigurationKey(configuration)
    self.objective = objective
  }

  public mutating func add(_ measurement: Measurement) {
    let key = ConfigurationKey(measurement.configuration)
    let metrics = measurement.outcome.metrics
    guard measurement.model.id == model,
      key == configuration || key.engine == configuration.engine && key.knobs.isEmpty,
      metrics != nil || measurement.outcome.isFailureOfConfiguration
    else { return }
    let isSameHardware = measurement.hardware.fingerprint == fingerprint
    let distance = WorkloadShape(measurement.workload).distance(to: shape)
    let rank = Rank(
      isOther: key == configuration ? 0 : 1, isElsewhere: isSameHardware ? 0 : 1, distance: distance,
      age: -measurement.startedAtMS)
    if best.count == Self.kept, let last = best.last, !(rank < last.rank) { return }
    let value = metrics.map { $0.value(objective) }
    let evidence = Explanation.Evidence(
      measurement: measurement.id, startedAtMS: measurement.startedAtMS, worker: measurement.worker,
      workload: measurement.workload, configuration: measurement.configuration,
      value: value.flatMap { $0.isFinite ? $0 : nil }, isHere: isSameHardware && distance == 0)
    best.insert((rank, evidence), at: best.firstIndex { rank < $0.rank } ?? best.count)
    if best.count > Self.kept { best.removeLast() }
  }

  /// The nearest first.
  public var evidence: [Explanation.Evidence] { best.map(\.evidence) }
}

public import Serving

/// A new model's first jobs, which neither it nor the old one has seen: the old one comes back if it would have foreseen
/// them better.
///
/// The gate judges before a model serves, on what is known by then, most of which the new model was trained on. Only
/// outcomes that come later judge both alike (Dawid: The prequential approach, 1984). Jobs of workers that nobody believes
/// are not among them: neither those the gate saw through, nor what the other jobs contradict (`Outvoting`).
public struct Probation: Sendable {
  /// Jobs that decide.
  public static let length = 50

  public let old: SelectorModel
  private let distrusted: Set<WorkerName>
  private var jobs: [Measurement] = []

  /// - Parameter distrusted: workers whose jobs say nothing.
  public init(old: SelectorModel, distrusted: [WorkerName] = []) {
    self.old = old
    self.distrusted = Set(distrusted)
  }

  /// Takes a measurement of the new model's time.
  ///
  /// - Returns: the jobs to judge by, once there are enough.
  public mutating func add(_ measurement: Measurement) -> [Measurement]? {
    guard case .job = measurement.source, measurement.outcome.metrics != nil, jobs.count < Self.length,
      !distrusted.contains(measurement.worker)
    else { return nil }
    jobs.append(measurement)
    return jobs.count == Self.length ? jobs : nil
  }

  /// Why the old model comes back; nil when the new one stays.
  public static func objection(
    to new: SelectorModel, old: SelectorModel, jobs: [Measurement], models: [ModelProfile]
  ) -> String? {
    let forecasts = JobForecasts(Outvoting(jobs, models: models).believed(jobs), models: models)
    guard forecasts.isWorse(new, than: old) else { return nil }
    return "its forecasts of its first \(forecasts.count) jobs were off by \(forecasts.typicalFactor(new)), "
      + "the old model's would have been by \(forecasts.typicalFactor(old))"
  }
}

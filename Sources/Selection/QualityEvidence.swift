import Acceleration
public import Serving

/// What is known of the quality of configurations, by model and the part of a configuration that may change the output: it
/// does not depend on the machine or the workload, beyond rounding.
///
/// The last engine version counts; of several measurements with it the worst, so that their order changes nothing.
public struct QualityEvidence: Sendable {
  private struct Key: Hashable, Sendable {
    var model: ModelID
    var configuration: ConfigurationKey

    init(_ model: ModelID, _ configuration: EngineConfiguration) {
      self.model = model
      self.configuration = ConfigurationKey(MethodCatalogue.approximatePart(of: configuration))
    }
  }

  private struct Entry: Sendable {
    var engineVersion: String
    var measuredAtMS: Int64
    var loss: QualityLoss
  }

  private var entries: [Key: Entry] = [:]
  /// Models with an entry: most candidates of most models have none, and are answered without hashing their knobs.
  private var models: Set<ModelID> = []

  public init() {}

  public mutating func insert(_ measurement: Measurement) {
    guard let loss = measurement.quality, loss.isSound else { return }
    let new = Entry(
      engineVersion: measurement.engineVersion, measuredAtMS: measurement.startedAtMS, loss: loss)
    let key = Key(measurement.model.id, measurement.configuration)
    models.insert(key.model)
    guard let old = entries[key] else {
      entries[key] = new
      return
    }
    if old.engineVersion == new.engineVersion, old.loss.probeVersion == new.loss.probeVersion {
      if old.loss.isBetter(than: new.loss) { entries[key]!.loss = new.loss }
      entries[key]!.measuredAtMS = max(old.measuredAtMS, new.measuredAtMS)
    } else if (old.measuredAtMS, old.engineVersion) < (new.measuredAtMS, new.engineVersion) {
      entries[key] = new
    }
  }

  /// Whether anything is known of a model.
  func knows(_ model: ModelID) -> Bool { models.contains(model) }

  public func loss(model: ModelID, _ configuration: EngineConfiguration) -> QualityLoss? {
    guard knows(model) else { return nil }
    return entries[Key(model, configuration)]?.loss
  }
}

extension QualityLoss {
  /// Whether the figures can be true: they may come from a file.
  fileprivate var isSound: Bool {
    positionCount > 0 && (0...1).contains(topAgreement) && (0...positionCount).contains(decisiveMismatchCount)
      && divergence.map { $0 >= 0 && $0.isFinite } ?? true
  }

  /// A loss that is known counts as worse than one that is not: not asking for it is no merit.
  fileprivate func isBetter(than other: QualityLoss) -> Bool {
    (divergence ?? -1, decisiveMismatchCount, -topAgreement) < (
      other.divergence ?? -1, other.decisiveMismatchCount, -other.topAgreement
    )
  }
}

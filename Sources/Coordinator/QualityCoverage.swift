import Acceleration
import Serving

/// Which configurations still lack a measured quality, so that it is measured once for each model, engine version and part
/// of a configuration that may change the output.
///
/// Told of every measurement at once, unlike the evidence, because the next trial starts a moment later.
struct QualityCoverage: Sendable {
  /// Probes of one configuration that may fail before it is left alone.
  static let mostTries = 2
  /// Configurations remembered; beyond it the whole memory is dropped, and the price is some probes run twice.
  static let limit = 100_000

  private struct Key: Hashable, Sendable {
    var model: ModelID
    var configuration: EngineConfiguration
    var engineVersion: String

    init(_ model: ModelID, _ configuration: EngineConfiguration, _ engineVersion: String) {
      self.model = model
      self.configuration = MethodCatalogue.approximatePart(of: configuration)
      self.engineVersion = engineVersion
    }
  }

  private var triesLeft: [Key: Int] = [:]

  init() {}

  mutating func note(_ measurement: Measurement) {
    guard measurement.triedQuality else { return }
    if triesLeft.count >= Self.limit { triesLeft = [:] }
    let key = Key(measurement.model.id, measurement.configuration, measurement.engineVersion)
    triesLeft[key] = measurement.quality == nil ? max(0, triesLeft[key, default: Self.mostTries] - 1) : 0
  }

  /// Places in a trial's candidates of those whose quality is to be measured in it.
  ///
  /// Approximate candidates are wanted from the first time they run, as nobody can choose them without; of several that
  /// lose the same, the first. Those that
  /// promise exactness are checked in the later phases, before one can be called the best: a screening has many of them
  /// and little time.
  ///
  /// - Parameter versions: of the worker's engines.
  func wanted(in trial: TrialSpec, versions: [EngineName: String]) -> [Int] {
    let defaults = Set(trial.candidates.map(\.configuration).filter(\.isDefault).map(\.engine))
    var probed: Set<Key> = []
    return trial.candidates.indices.filter { place in
      let candidate = trial.candidates[place]
      let configuration = candidate.configuration
      guard !configuration.isDefault, defaults.contains(configuration.engine),
        candidate.fidelity == .approximate || trial.purpose != .screening
      else { return false }
      let key = Key(trial.model, configuration, versions[configuration.engine] ?? "unknown")
      return triesLeft[key, default: Self.mostTries] > 0 && probed.insert(key).inserted
    }
  }
}

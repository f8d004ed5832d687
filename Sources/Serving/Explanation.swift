/// Why a recommendation says what it says.
public struct Explanation: Hashable, Codable, Sendable {
  /// A measurement that the answer rests on.
  public struct Evidence: Hashable, Codable, Sendable {
    public var measurement: MeasurementID
    /// Milliseconds since 1970-01-01 UTC.
    public var startedAtMS: Int64
    public var worker: WorkerName
    public var workload: Workload
    public var configuration: EngineConfiguration
    /// The objective's value; nil for a run that failed.
    public var value: Double?
    /// Whether hardware and workload are those asked for.
    public var isHere: Bool

    public init(
      measurement: MeasurementID, startedAtMS: Int64, worker: WorkerName, workload: Workload,
      configuration: EngineConfiguration, value: Double?, isHere: Bool
    ) {
      self.measurement = measurement
      self.startedAtMS = startedAtMS
      self.worker = worker
      self.workload = workload
      self.configuration = configuration
      self.value = value
      self.isHere = isHere
    }
  }

  /// A part of a predicted speed-up: all factors multiplied give the speed-up.
  public struct Contribution: Hashable, Codable, Sendable {
    /// A feature's name, or in words what else moved it.
    public var name: String
    /// The feature's value; nil where it is missing and for what is no feature.
    public var value: Double?
    /// Above 1 it speaks for the strategy.
    public var factor: Double

    public init(name: String, value: Double? = nil, factor: Double) {
      self.name = name
      self.value = value
      self.factor = factor
    }
  }

  /// The smallest change of one thing with which the runner-up would be chosen.
  public struct Flip: Hashable, Codable, Sendable {
    /// `concurrency`, `prompt_tokens`, `output_tokens`, `shared_prefix_share`, `repetitiveness`, `objective` or `slo`.
    public var what: String
    public var from: String
    public var to: String

    public init(what: String, from: String, to: String) {
      self.what = what
      self.from = from
      self.to = to
    }
  }

  /// Whose speed-up is taken apart, as a place in `Recommendation.candidates`: the choice, or what comes nearest to it
  /// where the choice is the engine's default.
  public var subject: Int
  /// The largest first.
  public var contributions: [Contribution]
  /// Place of the candidate that would be next; nil when there is none.
  public var runnerUp: Int?
  public var flips: [Flip]
  /// The nearest first.
  public var evidence: [Evidence]

  public init(
    subject: Int, contributions: [Contribution] = [], runnerUp: Int? = nil, flips: [Flip] = [],
    evidence: [Evidence] = []
  ) {
    self.subject = subject
    self.contributions = contributions
    self.runnerUp = runnerUp
    self.flips = flips
    self.evidence = evidence
  }
}

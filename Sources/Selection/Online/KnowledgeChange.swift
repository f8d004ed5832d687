import Glibc
public import Serving

/// Why what was measured on a node before counts for less now.
public struct KnowledgeChange: Hashable, Sendable, CustomStringConvertible {
  public enum Cause: Hashable, Sendable {
    /// Jobs take `factor` times as long as before: a hot processor, a new neighbour, another kernel.
    case drift(factor: Double, outcomes: Int)
    case engineVersion(from: String, to: String)
  }

  public var worker: WorkerName
  public var engine: EngineName
  /// The knobs of the strategies it is about; nil for all strategies of the engine.
  public var knobs: [KnobName]?
  public var cause: Cause
  /// When the outcome that told began, milliseconds since 1970-01-01 UTC.
  public var atMS: Int64

  public init(worker: WorkerName, engine: EngineName, knobs: [KnobName]? = nil, cause: Cause, atMS: Int64) {
    self.worker = worker
    self.engine = engine
    self.knobs = knobs
    self.cause = cause
    self.atMS = atMS
  }

  public var description: String {
    let strategies = knobs.map { $0.isEmpty ? " as it comes" : " with " + $0.map(\.rawValue).joined(separator: ", ") }
    let subject = "\(engine)\(strategies ?? "") on \(worker)"
    switch cause {
    case .drift(let factor, let outcomes):
      return "\(subject) takes \(Words.times(factor)) as long as before (\(outcomes) outcomes told)"
    case .engineVersion(let old, let new):
      return "\(subject) went from version \(old) to \(new)"
    }
  }
}

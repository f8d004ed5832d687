import Selection
import Serving

/// Says that a node's jobs take longer or shorter than before, of each node and engine now and then: under a load that comes
/// and goes there may be several such changes a second.
struct ChangeLog: Sendable {
  static let interval = Duration.seconds(60)

  private struct Subject: Hashable {
    var worker: WorkerName
    var engine: EngineName
  }

  /// When it was last said; nothing that is older than `interval`.
  private var told: [Subject: Duration] = [:]

  /// Whether to say it: when nothing was said of its node and engine in the last `interval`, and always of a new version.
  mutating func isNews(_ change: KnowledgeChange, at now: Duration) -> Bool {
    guard case .drift = change.cause else { return true }
    told = told.filter { now - $0.value < Self.interval }
    let subject = Subject(worker: change.worker, engine: change.engine)
    guard told[subject] == nil else { return false }
    told[subject] = now
    return true
  }
}

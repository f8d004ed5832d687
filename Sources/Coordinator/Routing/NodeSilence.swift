/// How long a node is foreseen to say nothing that said nothing of its last jobs, while others had their first tokens.
///
/// Nothing ends on a node that hangs, so its outcomes never tell. It is taken to be silent for four times as long as it was,
/// then it is tried with a job, and if it is silent again the time doubles. The first token from there ends it. (A circuit
/// breaker with exponential backoff, as load balancers eject outliers.)
struct NodeSilence: Sendable {
  static let factor = 4.0
  /// Most seconds between two tries.
  static let most = 600.0

  private let since: Double
  private let length: Double

  /// - Parameters:
  ///   - last: what was foreseen before; nil where it spoke since.
  ///   - start: when the job began that it said nothing of.
  init(after last: NodeSilence?, from start: Double, until now: Double) {
    let observed = Self.factor * (now - start)
    guard let last else {
      (since, length) = (now, min(Self.most, observed))
      return
    }
    // A job that was there already tells nothing new.
    (since, length) =
      start < last.since ? (last.since, last.length) : (now, min(Self.most, max(observed, 2 * last.length)))
  }

  func seconds(at now: Double) -> Double { max(0, since + length - now) }
}

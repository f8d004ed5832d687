public import Serving

/// Says which workers are gone, from when they were last heard of.
///
/// Intuition: a worker that sends a heartbeat each second and was silent for three is gone. The obvious rule has a
/// trap: a coordinator that was itself stopped (a suspended machine, a stalled disk) wakes up with every worker's
/// heartbeats unread in its socket, and would declare all of them lost at once. So the detector watches its own clock
/// too: the time it slept through counts for nobody.
public struct FailureDetector: Sendable {
  /// Heartbeats a worker may miss.
  public static let missesAllowed = 3

  /// How often a worker says that it is there.
  public let heartbeat: Duration
  private var lastHeard: [WorkerName: Duration] = [:]
  private var lastCheck: Duration?

  public init(heartbeat: Duration) {
    precondition(heartbeat > .zero, "a heartbeat of no length would lose every worker at once")
    self.heartbeat = heartbeat
  }

  /// Anything that came from the worker counts.
  public mutating func heard(_ worker: WorkerName, at now: Duration) {
    lastHeard[worker] = now
  }

  /// How long nothing was heard of a worker; nil for one that is not watched.
  public func silence(of worker: WorkerName, at now: Duration) -> Duration? {
    lastHeard[worker].map { max(.zero, now - $0) }
  }

  /// The workers that are gone since the last call, sorted; they are no longer watched. Call it at least once a
  /// heartbeat: a longer gap is taken for the coordinator's own absence.
  public mutating func lost(at now: Duration) -> [WorkerName] {
    if let last = lastCheck, now - last > heartbeat {
      let slept = now - last
      for worker in lastHeard.keys {
        lastHeard[worker] = min(now, lastHeard[worker]! + slept)
      }
    }
    lastCheck = now
    let gone = lastHeard.filter { now - $0.value > heartbeat * Self.missesAllowed }.keys.sorted()
    for worker in gone {
      lastHeard[worker] = nil
    }
    return gone
  }
}

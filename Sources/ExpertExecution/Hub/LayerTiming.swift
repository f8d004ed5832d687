/// Where the time of one batch in one layer went.
public struct LayerTiming: Hashable, Sendable {
  /// One host's part.
  public struct Host: Hashable, Sendable {
    public var host: Int
    /// Token rows sent to it.
    public var rows: Int
    /// Computations it did: rows times the experts of each that it has.
    public var pairs: Int
    /// Seconds its work waited for its turn on the host.
    public var queuedSeconds: Double
    /// Seconds of computing, on the emulated machine where there is one, and by this machine's clock.
    public var computedSeconds: Double
    public var processorSeconds: Double
    /// Seconds from the call until its last answer was there.
    public var answeredSeconds = 0.0
    /// Bytes of all frames to the host and from it.
    public var sentBytes: Int
    public var receivedBytes: Int
  }

  public internal(set) var hosts: [Host] = []
  /// Seconds the hub split the batch, made half-precision rows and handed them to the sockets.
  public internal(set) var dispatchSeconds = 0.0
  /// Seconds the hub added answers up.
  public internal(set) var combineSeconds = 0.0
  /// Seconds from the call to the result.
  public internal(set) var totalSeconds = 0.0
  /// Requests sent again to other hosts: of late ones, and of lost ones.
  public internal(set) var hedged = 0
  public internal(set) var rerouted = 0

  /// Seconds of computing of the host that computed for longest.
  public var computeSeconds: Double { hosts.map(\.computedSeconds).max() ?? 0 }
  /// The rest: messages on their way, and work waiting for its turn.
  public var waitSeconds: Double { max(0, totalSeconds - dispatchSeconds - combineSeconds - computeSeconds) }
  /// Mean over maximum of the hosts' computing, over all hosts of the plan, from 0 to 1.
  public func balancedness(hostCount: Int) -> Double {
    let most = computeSeconds
    return most > 0 ? hosts.reduce(0) { $0 + $1.computedSeconds } / Double(hostCount) / most : 1
  }
}

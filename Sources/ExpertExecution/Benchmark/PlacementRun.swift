import Glibc
public import Serving

/// What a placement did, measured on real hosts, batch by batch.
public struct PlacementRun: Sendable {
  /// Tokens that passed a layer together.
  public let batchTokens: Int
  public let hostCount: Int
  /// Of each batch in each layer, in the order they were run.
  public private(set) var timings: [LayerTiming]
  /// What the first batch gave in its first layer, to compare placements by.
  public private(set) var firstRows: [Float] = []

  /// - Parameter timings: of batches that were run already.
  public init(hostCount: Int, batchTokens: Int, timings: [LayerTiming] = []) {
    precondition(batchTokens > 0, "a batch of at least one token")
    self.timings = timings
    self.batchTokens = batchTokens
    self.hostCount = hostCount
  }

  /// Runs `rounds` batches through every layer of `batches` after one that is not counted.
  ///
  /// - Throws: what `ExpertHub.run` does.
  public init(
    on hub: ExpertHub, hostCount: Int, batches: TrialBatches, batchTokens: Int, rounds: Int
  ) async throws(ApusError) {
    precondition(rounds > 0, "at least one batch")
    self.init(hostCount: hostCount, batchTokens: batchTokens)
    for round in 0...rounds {
      let batch = await batches.batch(round, tokenCount: batchTokens)
      try await pass(batch, through: batches.layers, on: hub, counts: round > 0)
    }
  }

  /// One batch through every layer.
  ///
  /// - Returns: seconds of a layer, mean over the layers.
  @discardableResult
  public mutating func pass(
    _ batch: TrialBatches.Batch, through layers: Range<Int>, on hub: ExpertHub, counts: Bool = true
  ) async throws(ApusError) -> Double {
    var seconds = 0.0
    for (layer, routed) in zip(layers, batch.routed) {
      // A batch that is on its way fails by itself; between batches nobody else looks.
      if Task.isCancelled { throw ApusError(.tryAgain, "the measuring was cancelled") }
      let result = try await hub.run(layer: layer, rows: batch.rows, routed: routed)
      if firstRows.isEmpty { firstRows = result.rows }
      if counts { timings.append(result.timing) }
      seconds += result.timing.totalSeconds
    }
    return seconds / Double(layers.count)
  }

  /// By the nearest rank.
  ///
  /// - Parameter share: 0.5 for the median.
  public func seconds(_ part: (LayerTiming) -> Double, at share: Double) -> Double {
    let sorted = timings.map(part).sorted()
    return sorted[min(sorted.count - 1, max(0, Int((share * Double(sorted.count)).rounded(.up)) - 1))]
  }

  /// How many times as long the same batches take now as they did in an earlier run of the same plan: geometric mean over
  /// the batches and layers of both.
  public func pace(since earlier: PlacementRun) -> Double {
    let logs = zip(timings, earlier.timings).map { log($0.totalSeconds / $1.totalSeconds) }
    return logs.isEmpty ? 1 : exp(logs.reduce(0, +) / Double(logs.count))
  }

  /// Of a layer, mean over batches and layers.
  public var meanSeconds: Double { mean(\.totalSeconds) }

  private func mean(_ value: (LayerTiming) -> Double) -> Double {
    timings.reduce(0) { $0 + value($1) } / Double(timings.count)
  }

  /// Mean over maximum of the hosts' computing times, mean over batches.
  public var balancedness: Double { mean { $0.balancedness(hostCount: hostCount) } }
  /// Hosts that a token's row goes to, mean over tokens and batches.
  public var hostsPerToken: Double {
    mean { Double($0.hosts.reduce(0) { $0 + $1.rows }) } / Double(batchTokens)
  }
  /// Bytes to each host and from it for a token, all frames, mean over batches; `[host]`.
  public var linkBytesPerToken: [(sent: Double, received: Double)] {
    (0..<hostCount).map { host in
      let parts = timings.flatMap { $0.hosts.filter { $0.host == host } }
      let tokens = Double(batchTokens * timings.count)
      return (
        Double(parts.reduce(0) { $0 + $1.sentBytes }) / tokens,
        Double(parts.reduce(0) { $0 + $1.receivedBytes }) / tokens
      )
    }
  }
  public var hedged: Int { timings.reduce(0) { $0 + $1.hedged } }
  public var rerouted: Int { timings.reduce(0) { $0 + $1.rerouted } }
  /// Computations that took longer here than on the machine that was to be emulated: then nothing was emulated.
  public var unemulated: Int {
    timings.reduce(0) { $0 + $1.hosts.count { $0.processorSeconds >= $0.computedSeconds } }
  }

  /// Length of the difference to another placement's result of the same batch, over its length.
  public func relativeDifference(to other: PlacementRun) -> Double {
    precondition(other.firstRows.count == firstRows.count, "trials of the same batches")
    var (difference, length) = (0.0, 0.0)
    for (a, b) in zip(firstRows, other.firstRows) {
      difference += Double(a - b) * Double(a - b)
      length += Double(b) * Double(b)
    }
    return length > 0 ? (difference / length).squareRoot() : 0
  }
}

import Glibc
public import Serving

/// What a block of requests gave.
public struct LoadResult: Hashable, Sendable {
  /// One for each request, in the order sent.
  public var timelines: [RequestTimeline]
  /// Why each request failed, in the same order; nil for those that finished well.
  public var failures: [RequestFailure?]
  /// Sums over the requests; nil when the engine said nothing of drafts.
  public var draftedTokenCount: Int?
  public var acceptedTokenCount: Int?
  /// Whether the time limit ended the block.
  public var wasCutShort: Bool

  public var firstFailure: RequestFailure? { failures.compactMap { $0 }.first }
}

/// Sends the requests of a block to an engine the way the workload says, and notes when each token came.
///
/// Closed loop: `concurrency` requests are in flight until none is left. Open loop: requests are sent at arrival times
/// of a Poisson process made from the seed, however many are in flight, as users do who do not know of each other.
public struct LoadGenerator: Sendable {
  public var client: StreamingClient
  /// The block is ended after this many seconds of the client's clock; requests that are not done have failed then.
  public var timeLimitSeconds: Double

  public init(client: StreamingClient, timeLimitSeconds: Double) {
    self.client = client
    self.timeLimitSeconds = timeLimitSeconds
  }

  /// Runs the block. Returns when every request has ended, the time limit is reached or the task is cancelled.
  public func run(
    _ requests: [GenerationRequest], workload: Workload, seed: UInt64, at endpoint: EngineEndpoint
  ) async -> LoadResult {
    let start = ContinuousClock.now
    let arrivals = workload.arrivalRate.map {
      Self.poissonArrivals(count: requests.count, ratePerSecond: $0, seed: seed)
    }
    // In an open loop every request has a task from the start, which sleeps until its arrival.
    let width = arrivals == nil ? max(1, workload.concurrency) : requests.count
    var runs = [RequestRun?](repeating: nil, count: requests.count)

    let wasCutShort = await withTaskGroup(of: Step.self) { group in
      group.addTask {
        try? await client.clock.sleep(for: .seconds(timeLimitSeconds))
        return .limitReached
      }
      var next = 0
      func sendNext() {
        let index = next
        next += 1
        group.addTask {
          .ended(index, await send(requests[index], arrivals?[index], start, endpoint))
        }
      }
      while next < min(width, requests.count) { sendNext() }
      var limitReached = false
      var endedCount = 0
      while endedCount < requests.count, let step = await group.next() {
        switch step {
        case .limitReached:
          limitReached = true
          group.cancelAll()
        case .ended(let index, let run):
          endedCount += 1
          runs[index] = run
          // Once cancelled, the rest is sent into the cancelled group and ends at once with that failure.
          if next < requests.count { sendNext() }
        }
      }
      group.cancelAll()
      return limitReached && !Task.isCancelled
    }
    return Self.result(of: runs.map { $0! }, wasCutShort: wasCutShort, limit: timeLimitSeconds)
  }

  private enum Step: Sendable {
    case limitReached
    case ended(Int, RequestRun)
  }

  private struct RequestRun: Sendable {
    var timeline: RequestTimeline
    var failure: RequestFailure?
    var end: GenerationEnd?
  }

  /// Arrival times in seconds from the start, ascending: the gaps of a Poisson process are exponential.
  package static func poissonArrivals(count: Int, ratePerSecond: Double, seed: UInt64) -> [Double] {
    precondition(ratePerSecond > 0, "requests that arrive \(ratePerSecond) times a second never do")
    var generator = SeededGenerator(seed: StableHash.mix(seed, 0x6172_7269_7661_6c73))
    var at = 0.0
    return (0..<count).map { _ in
      at -= log(1 - Double.random(in: 0..<1, using: &generator)) / ratePerSecond
      return at
    }
  }

  private func send(
    _ request: GenerationRequest, _ arrivalSeconds: Double?, _ start: ContinuousClock.Instant,
    _ endpoint: EngineEndpoint
  ) async -> RequestRun {
    if let arrivalSeconds { try? await Task.sleep(until: start + .seconds(arrivalSeconds), tolerance: .zero) }
    let sentAt = (ContinuousClock.now - start).seconds
    let log = ArrivalLog()
    var promptTokens = 0
    if case .tokens(let ids) = request.prompt { promptTokens = ids.count }
    do throws(RequestFailure) {
      let end = try await client.follow(request, at: endpoint) { arrival in
        log.note(arrival)
        return nil
      }
      return RequestRun(
        timeline: RequestTimeline(
          sentAtSeconds: sentAt, tokenSeconds: log.tokenSeconds(total: end.outputTokenCount),
          promptTokenCount: end.promptTokenCount, cachedTokenCount: end.cachedTokenCount),
        end: end)
    } catch {
      return RequestRun(
        timeline: RequestTimeline(
          sentAtSeconds: sentAt, tokenSeconds: log.tokenSeconds(total: 0), promptTokenCount: promptTokens,
          failure: error.description),
        failure: error)
    }
  }

  private static func result(of runs: [RequestRun], wasCutShort: Bool, limit: Double) -> LoadResult {
    var result = LoadResult(timelines: [], failures: [], wasCutShort: wasCutShort)
    for var run in runs {
      if wasCutShort, run.failure == .cancelled {
        run.failure = .timedOut(afterSeconds: limit)
        run.timeline.failure = "not done when the block's \(limit) s were over"
      }
      result.timelines.append(run.timeline)
      result.failures.append(run.failure)
      if let drafted = run.end?.draftedTokenCount {
        result.draftedTokenCount = (result.draftedTokenCount ?? 0) + drafted
        result.acceptedTokenCount = (result.acceptedTokenCount ?? 0) + (run.end?.acceptedTokenCount ?? 0)
      }
    }
    return result
  }
}

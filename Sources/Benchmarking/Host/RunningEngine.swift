public import Engines

/// An engine that answers: one that we started, or a server that somebody else did.
public protocol RunningEngine: Sendable {
  /// Where it answers, such as `http://127.0.0.1:40123`, without a slash at the end.
  var baseURL: String { get }
  /// Start to readiness; of a server that was there, asking to answering.
  var loadSeconds: Double { get }
  /// The last lines it wrote; empty where its log is not ours to see.
  var lastLines: String { get }
  var isRunning: Bool { get async }
  /// What its processes used since they started; nil where they cannot be seen.
  func usage() async -> EngineUsage?
  /// The CPU seconds of `usage`, without its memory, which takes longer to read.
  func usedSeconds() async -> Double?
  /// How it ended, if it did, seen after requests that failed so; nil while it runs and when we stopped it.
  func ending(after failures: [RequestFailure?]) async -> EngineFailure?
  /// We are done with it: ends it if we started it, and returns once it is gone.
  func end() async
  /// Where requests go.
  func endpoint(_ dialect: RequestDialect) -> EngineEndpoint
}

extension EngineProcess: RunningEngine {
  public func usage() async -> EngineUsage? {
    EngineUsage(
      cpuSeconds: cpuSeconds(), peakMemoryBytes: peakMemoryBytes(), acceleratorMemoryBytes: acceleratorMemoryBytes())
  }

  public func usedSeconds() async -> Double? { cpuSeconds() }

  public func end() async { await stop() }

  public nonisolated func endpoint(_ dialect: RequestDialect) -> EngineEndpoint {
    EngineEndpoint(baseURL: baseURL, dialect: dialect)
  }

  /// A lost connection is seen before the guard's report of why, so that is waited for.
  public func ending(after failures: [RequestFailure?]) async -> EngineFailure? {
    guard failures.contains(where: { $0?.isLostConnection ?? false }) else { return ending }
    return await withTaskGroup(of: EngineFailure?.self) { group in
      group.addTask { await self.exit() }
      group.addTask {
        try? await Task.sleep(for: .seconds(3))
        return nil
      }
      let first = await group.next() ?? nil
      group.cancelAll()
      return first
    }
  }
}

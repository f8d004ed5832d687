public import Engines
import Serving

/// A server that somebody else started, while we ask it things.
///
/// Nothing of it is ours: it is not ended, and has no log here. What its processes use is known only where it runs on this
/// machine and may be looked at; elsewhere that is unknown, not zero.
public struct AttachedServer: RunningEngine {
  public let loadSeconds: Double
  private let server: ServedModel
  private let process: ListeningProcess?

  /// A server that answers does so at once; one that is busy with others gets a while.
  static let limits = RequestLimits(stallSeconds: 15, totalSeconds: 30, lineBytes: 4 << 20)

  /// Makes sure that it answers and still serves the model.
  ///
  /// - Parameter process: the server's own, where it is known.
  /// - Throws: what it did instead; `cancelled` when the task is.
  public static func attach(to server: ServedModel, process: ListeningProcess?) async throws(EngineFailure) -> Self {
    let asked = ContinuousClock.now
    do throws(RequestFailure) {
      let served = try await StreamingClient(limits: limits).servedModels(baseURL: server.baseURL, key: server.apiKey)
      guard served.contains(where: { $0.name == server.name }) else {
        throw .invalidAnswer("it serves \(served.prefix(8).map(\.name).joined(separator: ", ")), not \(server.name)")
      }
    } catch {
      if error == .cancelled { throw .cancelled }
      if error.isTimeOut { throw .startTimedOut(afterSeconds: limits.stallSeconds) }
      throw .ended(reason: "\(server.baseURL) cannot be used: \(error)", lastLines: "")
    }
    return Self(loadSeconds: (ContinuousClock.now - asked).seconds, server: server, process: process)
  }

  public var baseURL: String { server.baseURL }
  public var lastLines: String { "" }

  public var isRunning: Bool {
    get async {
      await (try? StreamingClient(limits: Self.limits).servedModels(baseURL: server.baseURL, key: server.apiKey)) != nil
    }
  }

  public func usage() async -> EngineUsage? { process?.usage() }

  public func usedSeconds() async -> Double? { process?.usage()?.cpuSeconds }

  public func ending(after failures: [RequestFailure?]) async -> EngineFailure? {
    guard failures.contains(where: { $0?.isLostConnection ?? false }), await !isRunning else { return nil }
    return .ended(reason: "\(server.baseURL) does not answer any more", lastLines: "")
  }

  public func end() async {}

  public func endpoint(_ dialect: RequestDialect) -> EngineEndpoint {
    EngineEndpoint(baseURL: server.baseURL, dialect: dialect, servedModel: server.name, apiKey: server.apiKey)
  }
}

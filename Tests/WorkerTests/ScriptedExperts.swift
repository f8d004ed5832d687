import Messaging
import Serving
import Synchronization
import Worker

/// Experts that are hosted and measured as a test says.
final class ScriptedExperts: ExpertExecutor {
  static let endpoint = ExpertEndpoint(address: "tcp://127.0.0.1:*", publicKey: "key")

  private struct State {
    var hosted: [ExpertHosting] = []
    var endCount = 0
    var refusal: ApusError?
  }

  private let state = Mutex(State())
  /// What the hub says next; its end ends the trial.
  private let news = AsyncStream.makeStream(of: PlacementNews.self)

  var endpoint: ExpertEndpoint { Self.endpoint }
  var hosted: [ExpertHosting] { state.withLock { $0.hosted } }
  var endCount: Int { state.withLock { $0.endCount } }

  func refuse(_ error: ApusError) { state.withLock { $0.refusal = error } }
  func say(_ news: PlacementNews) { self.news.continuation.yield(news) }
  func finish() { news.continuation.finish() }

  func host(_ hosting: ExpertHosting) async throws(ApusError) -> String {
    let refusal = state.withLock { state in
      state.hosted.append(hosting)
      return state.refusal
    }
    if let refusal { throw refusal }
    return "tcp://127.0.0.1:\(hosted.count)"
  }

  func endHosting() async { state.withLock { $0.endCount += 1 } }

  func run(
    _ placement: PlacementAssignment, as hub: WorkerName, report: @escaping @Sendable (PlacementNews) async -> Void
  ) async throws(ApusError) {
    for await news in news.stream { await report(news) }
    if Task.isCancelled { throw ApusError(.tryAgain, "the batch was cancelled") }
  }
}

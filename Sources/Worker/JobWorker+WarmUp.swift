import Engines
import Messaging
import Serving

/// Engines that a worker loads before a job asks for them.
extension JobWorker {
  struct WarmUp {
    /// The configuration's fingerprint.
    var configuration: String
    var task: Task<Void, Never>
  }

  /// Loads an engine if there is nothing else to do. Whether or not, the heartbeats say.
  func warmUp(_ wish: EngineWarmUp) {
    guard !isStopping, warming == nil, admission.running.isEmpty, held.isEmpty else { return }
    let task = Task {
      do throws(EngineFailure) {
        try await executor.warmUp(wish)
      } catch {
        if error != .cancelled {
          log.warning("\(wish.configuration.label) was not loaded for the jobs to come: \(error.reason)")
        }
      }
      warming = nil
      outbox.beat()
      wake()
    }
    warming = WarmUp(configuration: wish.configuration.fingerprint, task: task)
  }
}

extension EngineFailure {
  fileprivate var reason: String {
    switch self {
    case .outOfMemory(let detail): "out of memory: \(detail)"
    case .startTimedOut(let seconds): "it was not ready after \(seconds) s"
    case .ended(let reason, let lastLines): lastLines.isEmpty ? reason : "\(reason): \(lastLines)"
    case .cancelled: "it was stopped"
    }
  }
}

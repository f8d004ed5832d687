import Messaging
import Serving

/// A question for a launch on its way to a worker and back.
struct PendingLaunch: Sendable {
  var worker: WorkerName
  var asker: Asker
}

/// What would be run for a strategy: asked of the worker, as the paths are its own.
extension JobCoordinator {
  func planLaunch(_ query: LaunchQuery, on worker: WorkerName, _ asker: Asker) throws(ApusError) {
    let peer = try directory.connectedPeer(of: worker)
    guard launches.count < configuration.queryLimit else {
      metrics.queueLimitReached += 1
      throw ApusError(.tryAgain, "\(launches.count) launches are being planned", advice: "ask again in a moment")
    }
    launchCount += 1
    launches[launchCount] = PendingLaunch(worker: worker, asker: asker)
    send(.launchQuery(id: launchCount, query), to: peer)
  }

  /// An answer to a question that this worker was not asked, or not any more, is nobody's.
  func take(_ launch: LaunchAnswer, from worker: WorkerName) {
    guard let pending = launches[launch.id], pending.worker == worker else { return }
    launches[launch.id] = nil
    switch launch.result {
    case .success(let found): answer(pending.asker, .launch(found))
    case .failure(let error): refuse(pending.asker, error)
    }
  }

  func dropLaunches(of worker: WorkerName) {
    for (id, pending) in launches where pending.worker == worker {
      launches[id] = nil
      refuse(
        pending.asker, ApusError(.tryAgain, "worker \(worker) was lost before it answered", advice: "ask again"))
    }
  }
}

public import Serving

/// Why a job that was accepted does not run yet.
public enum JobWait: Hashable, Sendable {
  /// Where it could run is being ranked.
  case ranking
  /// No worker is connected that could run it.
  case noWorker
  /// These workers could run it and have as many jobs as they take, each with that number.
  case busy([WorkerName: Int])
  /// A trial has the machines of these workers, the only ones that could run it; a benchmark's is being stopped.
  case trial([WorkerName])
  /// It ran when the coordinator stopped, and this worker may come back with it.
  case returning(WorkerName)
  /// It waits for this worker, which runs so many jobs: there it is foreseen to end best.
  case queue(WorkerName, runningCount: Int)
  /// A worker that could run it has room: it goes there in a moment.
  case starting
}

/// What the ledger knows of jobs that wait.
extension JobLedger {
  /// Why a job waits, and how many that came before it wait too; nil for one that runs, ends, or is not here.
  public func wait(of id: JobID) -> (reason: JobWait, aheadCount: Int)? {
    guard let entry = jobs[id] else { return nil }
    switch entry.state {
    case .leased, .ending: return nil
    case .awaiting(let worker, _): return (.returning(worker), 0)
    case .queued:
      let ahead = jobs.values.count { $0.state == .queued && $0.sequence < entry.sequence }
      if let node = entry.node { return (reason(in: router.nodes[node].name), ahead) }
      return (reason(for: entry.key.flatMap { routes[$0] }), ahead)
    }
  }

  private func reason(in name: WorkerName) -> JobWait {
    guard let worker = workers[name] else { return .noWorker }
    return trialMachines.contains(worker.machine) ? .trial([name]) : .queue(name, runningCount: worker.leases.count)
  }

  private func reason(for route: Route?) -> JobWait {
    guard let route, let choices = route.ranked?.choices else { return .ranking }
    let places = Set(choices.map(\.worker)).compactMap { name in workers[name].map { (name, $0) } }
    guard !places.isEmpty else { return route.isRanking ? .ranking : .noWorker }
    let free = places.filter { !trialMachines.contains($1.machine) }
    if free.isEmpty { return .trial(places.map(\.0).sorted()) }
    guard free.allSatisfy({ $1.leases.count >= $1.jobCapacity }) else { return .starting }
    return .busy(Dictionary(uniqueKeysWithValues: free.map { ($0, $1.leases.count) }))
  }
}

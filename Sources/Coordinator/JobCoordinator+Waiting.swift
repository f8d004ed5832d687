import Serving

/// Says in words why a job does not run yet.
extension JobCoordinator {
  /// Nil for a job that runs or has ended.
  func waitReason(of record: JobRecord) -> String? {
    guard let (wait, aheadCount) = ledger.wait(of: record.id) else { return nil }
    let model = directory.models[record.spec.model]?.name ?? record.spec.model.rawValue
    let ahead =
      switch aheadCount {
      case 0: ""
      case 1: "; 1 job came before it"
      default: "; \(aheadCount) jobs came before it"
      }
    switch wait {
    case .ranking: return "the strategies that could run it are being ranked" + ahead
    case .noWorker: return noWorker(for: record.spec.model)
    case .busy(let jobs):
      let places = jobs.sorted { $0.key < $1.key }.map { "\($0.key) (\($0.value))" }.joined(separator: ", ")
      return "all workers that can run \(model) have as many jobs as they take: \(places)" + ahead
    case .trial(let workers):
      let names = workers.map(\.rawValue).joined(separator: ", ")
      return
        "a trial holds \(names); a benchmark's is stopped for this job and planned again, one of placements ends first"
        + ahead
    case .returning(let worker): return "it ran when the coordinator stopped; \(worker) may come back with it"
    case .queue(let worker, let count):
      return "it waits for \(worker), where it is foreseen to end best; jobs there: \(count)" + ahead
    case .starting: return "it goes to a worker in a moment" + ahead
    }
  }

  /// Why nothing runs jobs of a model whose only nodes, or the servers they were attached to, are gone.
  func noWorker(for model: ModelID) -> String {
    let name = directory.models[model]?.name ?? model.rawValue
    let lost = directory.lost(having: model).map(\.rawValue)
    let verb = lost.count == 1 ? "was" : "were"
    let past = lost.isEmpty ? "" : "; \(lost.joined(separator: ", ")) had it and \(verb) lost"
    return "no connected worker has \(name)\(past)"
  }
}

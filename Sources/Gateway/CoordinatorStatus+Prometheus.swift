import Messaging

extension CoordinatorStatus {
  func write(to text: inout PrometheusText) {
    text.add("apus_coordinator_up_seconds", .gauge, "Time since the coordinator started.", upSeconds)
    text.add("apus_coordinator_queued_jobs", .gauge, "Jobs that wait for a worker.", queuedJobCount)
    for counter in CoordinatorMetrics.counters {
      text.add(
        "apus_coordinator_\(counter.name)_total", .counter, counter.meaning, metrics[keyPath: counter.count])
    }
    func add(_ name: String, _ help: String, _ value: (WorkerStatus) -> Int) {
      text.add(
        "apus_worker_\(name)", .gauge, help,
        workers.map { (labels: [("worker", $0.name.rawValue)], value: value($0)) })
    }
    add("alive", "1 while the coordinator hears of it.") { $0.isAlive ? 1 : 0 }
    add("running_leases", "Jobs and trials it runs.", \.leaseCount)
    add("job_capacity", "Jobs it takes at once.", \.description.jobCapacity)
    add("warm_engines", "Engines it has loaded.", \.warmConfigurations.count)
    add("knowledge_changes", "Drifts and new engine versions kept of it.", \.changes.count)
  }
}

import Acceleration
import History
import Messaging
import Serving

/// A model's piece on its way to a worker.
struct ModelPush: Hashable, Sendable {
  var worker: WorkerName
  var model: ModelID
}

/// The workers' side of the conversation.
extension JobCoordinator {
  func greet(_ peer: Peer, _ hello: Hello) {
    guard hello.version == protocolVersion else {
      metrics.peersRefused += 1
      send(
        .refused(
          ApusError(
            .unavailable,
            "\(peer.name) speaks protocol version \(hello.version), this coordinator version \(protocolVersion)",
            advice: "install the same version of apus on both")), to: peer)
      return
    }
    guard hello.role == peer.role, (hello.worker == nil) == (peer.role == .client) else {
      metrics.peersRefused += 1
      send(
        .refused(
          ApusError(
            .keyRefused,
            "the key \(peer.name) is authorized as a \(peer.role.rawValue), not as a \(hello.role.rawValue)",
            advice: "use a key of the right role, or authorize this one with `apus keys authorize`")), to: peer)
      return
    }
    send(.welcome(Welcome(peer: peer.name, heartbeatMS: configuration.heartbeatMS)), to: peer)
    if let description = hello.worker { join(WorkerName(peer.name), description, peer) }
  }

  private func join(_ name: WorkerName, _ description: WorkerDescription, _ peer: Peer) {
    detector.heard(name, at: time.now())
    // What it was asked over an earlier connection it may never have heard.
    if directory.peer(of: name) != peer { dropLaunches(of: name) }
    let new = directory.join(name, description, peer)
    var records = new.models.map(HistoryRecord.model)
    if new.isNewHardware { records.append(.node(name, description.hardware)) }
    if !records.isEmpty { write(PendingWrite(records: records, purpose: .note)) }
    decide(.workerJoined(name, description))
    for id in benchmarks.keys.sorted() {
      benchmarks[id]?.planner.workerBack(name)
      advance(id)
    }
  }

  func lose(_ name: WorkerName) {
    if directory.entries[name]?.isStopping == true {
      logger.info("worker \(name) has stopped")
    } else {
      metrics.workersLost += 1
      logger.warning("worker \(name) was not heard of for \(FailureDetector.missesAllowed) heartbeats")
    }
    directory.lose(name, at: time.now())
    for id in benchmarks.keys.sorted() {
      benchmarks[id]?.planner.workerGone(name, at: time.now())
    }
    placementWorkerLost(name)
    decide(.workerLost(name))
    dropLaunches(of: name)
    for (push, asker) in pushes where push.worker == name {
      pushes[push] = nil
      refuse(asker, ApusError(.unavailable, "worker \(name) was lost", advice: "send the rest when it is back"))
    }
  }

  /// What the history is told of a job whose worker fell silent. Nil when the worker or the model is not known any more.
  func loss(of record: JobRecord) -> Measurement? {
    guard let name = record.worker, let worker = directory.entries[name]?.description,
      let model = directory.models[record.spec.model], let configuration = record.configuration
    else { return nil }
    let engine = worker.engines.first { $0.name == configuration.engine }
    return Measurement(
      id: identifiers.next("loss"), source: .job(record.id), worker: name, hardware: worker.hardware, model: model,
      workload: record.spec.workload, configuration: configuration,
      fidelity: configuration.methods.compactMap { MethodCatalogue.named($0)?.fidelity }.max() ?? .exact,
      engineVersion: engine?.version ?? "unknown", startedAtMS: time.wallMS(at: time.now()), outcome: .lostWorker)
  }

  func hear(_ message: Message, from peer: Peer) {
    let name = WorkerName(peer.name)
    let isKnown = directory.peer(of: name) != nil
    if isKnown { detector.heard(name, at: time.now()) }
    switch message {
    case .tokens(let chunk):
      decide(.tokens(name, chunk))
    case .report(var report):
      // The name of its key, never one that it chose.
      if report.measurement.worker != name { report.measurement.worker = name }
      decide(.report(name, report))
    case .heartbeat(let heartbeat):
      if isKnown, directory.peer(of: name) != peer {
        // Another worker with this key said hello since, and may be gone again: whoever says hello last is it.
        send(
          .refused(
            ApusError(.tryAgain, "\(name) said hello on another connection since", advice: "say hello again")),
          to: peer)
      } else if isKnown {
        directory.setWarm(heartbeat.warmConfigurations, of: name)
        decide(
          .heartbeat(
            name, leases: heartbeat.leases, warm: heartbeat.warmConfigurations,
            warming: heartbeat.warmingConfiguration))
        if heartbeat.isStopping, directory.retire(name) {
          logger.info("worker \(name) stops")
          decide(.workerStopping(name))
        }
      } else if var description = directory.entries[name]?.description {
        // It was taken for lost, and was only slow.
        description.leases = heartbeat.leases
        join(name, description, peer)
      } else {
        send(
          .refused(ApusError(.tryAgain, "\(name) did not say hello on this connection", advice: "say hello again")),
          to: peer)
      }
    case .modelOffset(let offset):
      guard let asker = pushes.removeValue(forKey: ModelPush(worker: name, model: offset.model)) else { return }
      answer(asker, .modelOffset(offset))
    case .launchAnswer(let answer):
      take(answer, from: name)
    case .hostingAnswer(let answer):
      decide(.hostingAnswered(name, answer))
    case .placementReport(let report):
      decide(.placementReport(name, report))
    default:
      preconditionFailure("receive lets only a worker's messages through")
    }
  }
}

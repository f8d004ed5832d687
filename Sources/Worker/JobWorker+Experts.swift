import Messaging
import Serving

/// What a worker does in trials of placements: as a host of experts, and as the hub.
extension JobWorker {
  private static let unavailable = ApusError(
    .unavailable, "this worker serves no experts", advice: "start it with --experts tcp://HOST:PORT")

  /// - Returns: whether it was about experts, and the refusal is on its way.
  func refuseExperts(_ assignment: Assignment, _ reason: String) -> Bool {
    let error = ApusError(.tryAgain, reason, advice: "ask again in a moment")
    switch assignment.work {
    case .hosting: outbox.add(HostingAnswer(lease: assignment.lease, address: .failure(error)))
    case .placement: outbox.add(PlacementReport(lease: assignment.lease, news: .failure(error)))
    case .job, .trial: return false
    }
    wake()
    return true
  }

  func host(_ hosting: ExpertHosting, under lease: LeaseID) {
    changeRole { [experts] in
      let address: Result<String, ApusError>
      do throws(ApusError) {
        guard let experts else { throw Self.unavailable }
        address = .success(try await experts.host(hosting))
      } catch {
        address = .failure(error)
      }
      await self.answer(HostingAnswer(lease: lease, address: address))
    }
  }

  private func answer(_ answer: HostingAnswer) {
    if case .failure(let error) = answer.address {
      log.warning("cannot host experts: \(error.reason)")
      admission.end(answer.lease)
    }
    outbox.add(answer)
    wake()
  }

  /// Frees what this worker hosts under a lease, and then itself; nothing for any other lease.
  func endHosting(_ lease: LeaseID) {
    guard admission.isHosting(lease) else { return }
    guard endingRole != lease else { return }
    endingRole = lease
    let run = runs[lease]?.task
    changeRole { [experts] in
      // Its own hub, if it is that, says first how it ended.
      await run?.value
      await experts?.endHosting()
      await self.ended(lease)
    }
  }

  private func ended(_ lease: LeaseID) {
    admission.end(lease)
    outbox.forgetPlacement()
    endingRole = nil
    let waiting = held
    held = []
    for assignment in waiting { take(assignment) }
  }

  private func changeRole(_ change: @escaping @Sendable () async -> Void) {
    lastRoleChange = Task { [last = lastRoleChange] in
      await last?.value
      await change()
    }
  }

  func measure(_ placement: PlacementAssignment, under lease: LeaseID) async {
    let news: Result<PlacementNews, ApusError>
    do throws(ApusError) {
      guard let experts else { throw Self.unavailable }
      try await experts.run(placement, as: name) { [weak self] news in
        await self?.say(PlacementReport(lease: lease, news: .success(news)))
      }
      news = .success(.ended)
    } catch {
      news = .failure(
        Task.isCancelled
          ? ApusError(.tryAgain, "the trial of placements was stopped on its hub \(name)", advice: "ask again") : error)
    }
    runs[lease] = nil
    admission.endPlacement(lease)
    say(PlacementReport(lease: lease, news: news))
  }

  private func say(_ report: PlacementReport) {
    outbox.add(report)
    wake()
  }
}

import Messaging
import Serving
import Testing

@testable import Gateway

/// An API key reaches its own jobs alone, whatever a coordinator answers with.
@Suite(.timeLimit(.minutes(10))) struct VisibleJobsTests {
  /// Of two keys, of nobody's, and of a key of the same name at another gateway.
  private static let jobs = [
    job("1", "gateway", "alice"), job("2", "gateway", "bob"), job("3", "gateway", nil), job("4", "other", "alice"),
  ]

  private static func job(_ id: String, _ client: String, _ tenant: String?) -> JobRecord {
    JobRecord(
      id: JobID(id), client: client,
      spec: JobSpec(model: ModelID("m"), prompt: .text("p"), maxTokens: 4, tenant: tenant), submittedAtMS: 0)
  }

  /// Runs `body` before a coordinator that has the jobs, from before it knew tenants.
  ///
  /// - Returns: what it was asked.
  private func asked(
    as key: GatewayKey?, _ body: @escaping @Sendable (VisibleJobs) async throws -> Void
  ) async throws -> [ClientRequest] {
    var requests: [ClientRequest] = []
    try await ScriptedCoordinator.withLink { link, coordinator in
      let asking = Task {
        defer { Task { try? await link.ask(.listWorkers) } }
        try await body(VisibleJobs(link: link, key: key))
      }
      while true {
        let (id, request) = await coordinator.next()
        if request == .listWorkers { break }
        requests.append(request)
        coordinator.answer(id, Self.answer(request))
      }
      try await asking.value
    }
    return requests
  }

  private static func answer(_ request: ClientRequest) -> ClientResponse {
    switch request {
    case .listJobs: return .jobs(jobs)
    case .showJob(let id):
      guard let job = jobs.first(where: { $0.id == id }) else {
        return .failure(ApusError(.badInput, "there is no job \(id)", advice: "see `apus jobs list`"))
      }
      return .job(job, nil)
    case .cancelJob: return .done
    case .retryJob(let id): return .accepted(jobs.first { $0.id == id }!)
    default: return .failure(ApusError(.bug, "nobody should ask \(request)"))
    }
  }

  private static let visible: [(GatewayKey?, Set<JobID>)] = {
    func ids(_ names: String...) -> Set<JobID> { Set(names.map { JobID($0) }) }
    return [
      (nil, ids("1", "2", "3", "4")), (GatewayKey(name: "bob", isAdmin: true), ids("1", "2", "3", "4")),
      (GatewayKey(name: "alice"), ids("1")), (GatewayKey(name: "bob"), ids("2")), (GatewayKey(name: "carol"), []),
    ]
  }()

  @Test("A list has the key's own jobs; an administrator's, and one without keys, all", arguments: visible)
  func lists(key: GatewayKey?, ids: Set<JobID>) async throws {
    let requests = try await asked(as: key) { jobs in
      let listed = try await jobs.list(.queued, limit: 7)
      #expect(Set(listed.map(\.id)) == ids)
    }
    let tenant = key.flatMap { $0.isAdmin ? nil : $0.name }
    #expect(requests == [.listJobs(state: .queued, limit: 7, tenant: tenant)], "the coordinator counts to the limit")
  }

  @Test("Another's job is as unknown as one that is not there, and is left alone", arguments: visible)
  func ownership(key: GatewayKey?, ids: Set<JobID>) async throws {
    for id in Self.jobs.map(\.id) + [JobID("5")] {
      let isVisible = ids.contains(id)
      let uses: [@Sendable (VisibleJobs) async throws -> JobRecord] = [
        { try await $0.find(id).0 }, { try await $0.cancel(id).0 }, { try await $0.retry(id) },
      ]
      for (place, use) in uses.enumerated() {
        let requests = try await asked(as: key) { jobs in
          do {
            let job = try await use(jobs)
            #expect(job.id == id && isVisible)
          } catch let error as OpenAIError {
            #expect(!isVisible && error.status == .notFound && error.code == "job_not_found" && error.param == "job")
            #expect(error.message == "there is no job \(id)")
          }
        }
        let next: [ClientRequest] = [[], [.cancelJob(id), .showJob(id)], [.retryJob(id)]][place]
        #expect(requests == [.showJob(id)] + (isVisible ? next : []))
      }
    }
  }
}

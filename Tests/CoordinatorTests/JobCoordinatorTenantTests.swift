import Coordinator
import Messaging
import Serving
import Testing

/// One client that asks on behalf of several tenants, as a gateway does for its API keys.
@Suite("Tenants of a client")
struct JobCoordinatorTenantTests {
  private func spec(_ tenant: String?, key: String? = nil) -> JobSpec {
    var spec = Fixture.spec()
    spec.tenant = tenant
    spec.idempotencyKey = key
    return spec
  }

  @Test("The same idempotency key from two tenants is two jobs, from one it is one")
  func idempotency() async throws {
    let cluster = ScriptedCluster()
    try await cluster.coordinator.start()
    let worker = try await cluster.worker("one")
    let client = try await cluster.client()
    var jobs: [JobRecord] = []
    for tenant in ["a", "b", nil, "a"] {
      let seen = SeenJob(try await client.answers(.submit(spec(tenant, key: "k"))))
      jobs.append(try #require(seen.ended))
    }
    #expect(jobs.map(\.spec.tenant) == ["a", "b", nil, "a"] && jobs.allSatisfy { $0.spec.idempotencyKey == "k" })
    #expect(jobs[3].id == jobs[0].id && Set(jobs.map(\.id)).count == 3)
    #expect(try await cluster.store.stats().jobCount == 3)
    await cluster.stop(worker)
  }

  @Test("A list for a tenant has what this client submitted on its behalf, and nothing else")
  func lists() async throws {
    let cluster = ScriptedCluster()
    try await cluster.coordinator.start()
    let worker = try await cluster.worker(
      "one", behaviours: [.complete, .complete, .complete, .complete, .hangAfter(1)])
    let (gateway, other) = (try await cluster.client("gateway"), try await cluster.client("other"))
    var ended: [JobID] = []
    let asked: [(ScriptedClient, String?)] = [(gateway, "a"), (gateway, "b"), (gateway, nil), (other, "a")]
    for (client, tenant) in asked {
      ended.append(try #require(SeenJob(try await client.answers(.submit(spec(tenant)))).ended).id)
    }
    let request = try await gateway.send(.submit(spec("a")))
    guard case .accepted(let running)? = await gateway.next(of: request),
      case .tokens? = await gateway.next(of: request)
    else {
      Issue.record("the last job did not run")
      return
    }
    func list(_ client: ScriptedClient, _ tenant: String?, _ state: JobState? = nil) async throws -> Set<JobID> {
      guard case .jobs(let jobs) = try await client.ask(.listJobs(state: state, limit: 10, tenant: tenant)) else {
        return []
      }
      return Set(jobs.map(\.id))
    }
    #expect(try await list(gateway, "a") == [ended[0], running.id])
    #expect(try await list(gateway, "a", .completed) == [ended[0]])
    #expect(try await list(gateway, "b") == [ended[1]])
    #expect(try await list(other, "a") == [ended[3]])
    #expect(try await list(other, "b") == [])
    #expect(try await list(other, nil) == Set(ended + [running.id]), "who names no tenant sees all, as ever")
    await cluster.stop(worker)
  }

  @Test("Trying a tenant's job again makes one that is the tenant's, too")
  func retry() async throws {
    let cluster = ScriptedCluster()
    try await cluster.coordinator.start()
    let failure = ScriptedWorker.Behaviour.fail(.engineFailed(reason: "no", lastLines: ""))
    let worker = try await cluster.worker("one", behaviours: [failure, failure, failure])
    let (gateway, person) = (try await cluster.client("gateway"), try await cluster.client("operator"))
    let failed = try #require(SeenJob(try await gateway.answers(.submit(spec("a", key: "k")))).ended)
    #expect(failed.state == .failed)
    let again = try #require(SeenJob(try await person.answers(.retryJob(failed.id))).ended)
    #expect(again.state == .completed && again.owner == JobOwner(client: "operator", tenant: "a"))
    let same = SeenJob(try await person.answers(.retryJob(failed.id)))
    #expect(same.ended?.id == again.id, "asked twice it is one")
    await cluster.stop(worker)
  }

  @Test("A tenant has a name that can be stored", arguments: ["", "a\u{0}b", String(repeating: "x", count: 257)])
  func names(tenant: String) async throws {
    let cluster = ScriptedCluster()
    try await cluster.coordinator.start()
    let worker = try await cluster.worker("one")
    let client = try await cluster.client()
    let failure = try await client.failure(.submit(spec(tenant)))
    #expect(failure?.code == .badInput && failure?.reason.contains("tenant") == true)
    await cluster.stop(worker)
  }
}

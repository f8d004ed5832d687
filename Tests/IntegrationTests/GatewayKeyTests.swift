import Foundation
import Testing

/// What the holders of several API keys of one gateway can do to each other: nothing.
@Suite(
  "API keys of a gateway, before a worker with the real engine", .serialized,
  .enabled(
    if: Program.engineDirectory != nil, "the llama.cpp engine is not installed: run Deploy/engines/llamacpp/install"))
struct GatewayKeyTests {
  /// Runs `body` with a caller for each of the names, which are API keys.
  private func withKeys(
    _ names: [String], admins: Set<String>,
    _ body: (TestCluster, [String: HTTPCaller], _ model: String) async throws -> Void
  ) async throws {
    var keys: [String: String] = [:]
    try await withGateway(
      prepare: { cluster in
        for name in names {
          let made = try await cluster.run(
            ["gateway", "keys", "add", name] + (admins.contains(name) ? ["--admin"] : []))
          guard made.status == 0 else { throw TestCluster.NotReady(description: "\(made)") }
          keys[name] = made.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines)
        }
      },
      { cluster, gateway, model in
        let callers = keys.mapValues { HTTPCaller(url: gateway.url, key: $0) }
        try await body(cluster, callers, model)
      })
  }

  private func jobs(_ caller: HTTPCaller) async throws -> Set<String> {
    let answer = try await caller.get("/apus/v1/jobs")
    let jobs = try #require(answer.json?["jobs"] as? [[String: Any]], "\(answer.text)")
    return Set(jobs.compactMap { $0["job"] as? String })
  }

  @Test("A key sees, cancels and retries its own jobs; an administrator's and the command line all")
  func ownership() async throws {
    try await withKeys(["alice", "bob", "chief"], admins: ["chief"]) { cluster, callers, model in
      let (alice, bob, chief) = (callers["alice"]!, callers["bob"]!, callers["chief"]!)
      let listed = try await cluster.run(["gateway", "keys", "list", "--json"]).json
      #expect(listed?["keys"] as? [String] == ["alice", "bob", "chief"] && listed?["admins"] as? [String] == ["chief"])

      // The same idempotency key is one job of each.
      let body = try JSONSerialization.data(withJSONObject: chat(model, ["max_tokens": 4]))
      var answers: [HTTPCaller.Answer] = []
      for caller in [alice, bob, alice] {
        answers.append(try await caller.post("/v1/chat/completions", body, headers: ["Idempotency-Key": "k"]))
      }
      #expect(answers.allSatisfy { $0.status == 200 }, "\(answers.map(\.text))")
      let ids = try answers.map { try #require($0.headers["x-apus-job"]) }
      #expect(ids[2] == ids[0] && ids[1] != ids[0])

      #expect(try await jobs(alice) == [ids[0]])
      #expect(try await jobs(bob) == [ids[1]])
      #expect(try await jobs(chief) == [ids[0], ids[1]])
      let shown = try await cluster.run(["jobs", "show", ids[0], "--json"])
      #expect(shown.json?["tenant"] as? String == "alice", "\(shown)")
      let all = try await cluster.run(["jobs", "list", "--json"]).json?["jobs"] as? [[String: Any]]
      #expect(all?.count == 2)

      #expect(try await alice.get("/apus/v1/jobs/\(ids[0])").json?["state"] as? String == "completed")
      #expect(try await chief.get("/apus/v1/jobs/\(ids[0])").status == 200)
      let missing = try await bob.get("/apus/v1/jobs/no-such-job")
      for answer in [
        try await bob.get("/apus/v1/jobs/\(ids[0])"), try await bob.post("/apus/v1/jobs/\(ids[0])/cancel", Data()),
        try await bob.post("/apus/v1/jobs/\(ids[0])/retry", Data()), missing,
      ] {
        #expect(answer.status == 404 && answer.error?["code"] as? String == "job_not_found", "\(answer.text)")
        #expect(answer.error?["type"] as? String == "invalid_request_error")
      }
      // Its own it may, and what is ended cannot be cancelled.
      #expect(try await alice.post("/apus/v1/jobs/\(ids[0])/cancel", Data()).status == 400)
      let again = try await chief.post("/apus/v1/jobs/\(ids[0])/retry", Data())
      #expect(again.status == 202, "\(again.text)")
      let new = try #require(again.json?["job"] as? String)
      #expect(try await jobs(alice) == [ids[0], new], "who tries another's job again does not take it")
    }
  }
}

import Serving
import Testing

@Suite struct RetryChainsTests {
  private func job(_ id: String, tries original: JobRecord? = nil, at ms: Int64 = 0, key: String? = nil) -> JobRecord {
    var spec = JobSpec(model: ModelID("m"), prompt: .text("p"), maxTokens: 4)
    spec.idempotencyKey = original.map { RetryKey.text(of: $0) } ?? key
    return JobRecord(id: JobID(id), client: "client", spec: spec, submittedAtMS: ms)
  }

  /// A client's own key stays in front, once, however often a job is tried again.
  @Test func keys() {
    let first = job("a", key: "batch-1")
    let second = job("b", tries: first)
    let third = job("c", tries: second)
    #expect(second.spec.idempotencyKey == "batch-1/retry:a")
    #expect(third.spec.idempotencyKey == "batch-1/retry:b")
    #expect(RetryKey.original(of: first) == nil)
    #expect(RetryKey.original(of: job("x")) == nil)
    #expect(RetryKey.original(of: third) == JobID("b"))
  }

  @Test func lastTries() {
    let a = job("a", at: 1)
    let b = job("b", tries: a, at: 2)
    let c = job("c", tries: b, at: 3)
    let otherClient = job("d", tries: a, at: 4)
    let alone = job("e", key: "k")
    let chain = RetryChains(lost: [c, alone, a, b])
    #expect(["a", "b", "c", "e", "f"].map { chain.lastTry(of: JobID($0)).rawValue } == ["c", "c", "c", "e", "f"])
    #expect(RetryChains(lost: [otherClient, b, c]).lastTry(of: a.id) == otherClient.id, "the newest of two tries")
  }

  /// Records that name each other end the walk all the same.
  @Test func circle() {
    var a = JobSpec(model: ModelID("m"), prompt: .text("p"), maxTokens: 4)
    var b = a
    a.idempotencyKey = "/retry:b"
    b.idempotencyKey = "/retry:a"
    let records = [("a", a), ("b", b)].map {
      JobRecord(id: JobID($0), client: "client", spec: $1, submittedAtMS: 0)
    }
    #expect(["a", "b"].contains(RetryChains(lost: records).lastTry(of: JobID("a")).rawValue))
  }
}

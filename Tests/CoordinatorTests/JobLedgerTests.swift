import Coordinator
import Messaging
import Serving
import Testing

/// Each test tells one short story to a ledger and looks at what it wants done.
@Suite struct JobLedgerTests {
  @Test("A key is ranked once for many jobs, and its jobs wait for the answer")
  func ranksOncePerKey() {
    var story = LedgerStory(capacity: 2, answersRankings: false)
    #expect(story.tell(.jobStored(Fixture.job("one"))) == [.rank(RouteKey(Fixture.spec()))])
    #expect(story.tell(.jobStored(Fixture.job("two"))) == [])
    let actions = story.tell(.routed(RouteKey(Fixture.spec()), [Fixture.choice("a")]))
    #expect(actions.count == 2)
    #expect(story.ledger.leaseCount(of: "a") == 2)
  }

  @Test("What a prompt's bytes were in tokens is learned from a model's jobs: the same prompt is foreseen longer")
  func learnsTokenLengths() {
    var story = LedgerStory(answersRankings: false)
    func job(_ name: String, _ model: String = "model") -> JobRecord {
      let spec = Fixture.spec(String(repeating: "abcd", count: 1000), model: Fixture.model(model))
      return JobRecord(id: JobID(name), client: "client", spec: spec, submittedAtMS: 0)
    }
    func foreseenTokens() -> [Int] {
      story.actions.compactMap { if case .rank(let key) = $0 { key.promptTokens } else { nil } }
    }
    let key = RouteKey(job("one").spec)
    story.tell(.jobStored(job("one")))
    #expect(foreseenTokens() == [1024])
    story.tell(.routed(key, [Fixture.choice("a")]))
    let lease = story.assigned!.lease
    var report = Fixture.report(lease, job: "one", worker: "a")
    report.measurement.workload.promptTokens = 2000...2000
    story.tell(.report("a", report))
    story.tell(.reportStored(lease, report.measurement.id))
    story.tell(.jobStored(job("two")))
    #expect(foreseenTokens() == [2048])
    story.tell(.jobStored(job("other", "other")))
    #expect(foreseenTokens() == [1024], "each model has its own tokenizer")
  }

  @Test("A job goes to its best choice with room, and waits when there is none")
  func bestChoiceWithRoom() {
    var story = LedgerStory()
    story.tell(.jobStored(Fixture.job("one")))
    #expect(story.assigned?.worker == "a")
    let first = story.assigned!
    story.tell(.jobStored(Fixture.job("two")))
    #expect(story.assigned?.worker == "b")
    #expect(story.tell(.jobStored(Fixture.job("three"))) == [])
    let report = Fixture.report(first.lease, job: "one", worker: "a")
    story.tell(.report("a", report))
    story.tell(.reportStored(first.lease, report.measurement.id))
    #expect(story.assigned?.job.job == "three")
  }

  @Test("The end of a job is told only after its report is stored")
  func endAfterStore() {
    var story = LedgerStory()
    story.tell(.jobStored(Fixture.job("one")))
    let lease = story.assigned!.lease
    var report = Fixture.report(lease, job: "one", worker: "a", output: "done")
    report.finishReason = .stop
    story.tell(.report("a", report))
    guard case .storeReport("a", report, let record?)? = story.actions.first else {
      Issue.record("expected storeReport with a record, got \(story.actions)")
      return
    }
    #expect(record.state == .completed)
    #expect(record.output == "done" && record.finishReason == .stop)
    #expect(story.tell(.report("a", report)) == [], "the same report again while the first is being stored")
    story.tell(.reportStored(lease, report.measurement.id))
    #expect(story.actions == [.jobEnded(record, report.measurement)])
    #expect(story.ledger.record(of: "one") == nil)
    #expect(story.tell(.report("a", report)) == [.storeEvidence("a", report.measurement)], "late, after the end")
  }

  @Test("A report the store refused leaves the job where it was, for the report to come again")
  func storeRefuses() {
    var story = LedgerStory()
    story.tell(.jobStored(Fixture.job("one")))
    let lease = story.assigned!.lease
    let report = Fixture.report(lease, job: "one", worker: "a")
    story.tell(.report("a", report))
    #expect(story.tell(.reportNotStored(lease, report.measurement.id)) == [])
    story.tell(.report("a", report))
    #expect(story.actions.count == 1)
    story.tell(.reportStored(lease, report.measurement.id))
    #expect(story.actions.count == 1)
  }

  @Test("A report that can never be stored ends its lease, and the job is tried again")
  func unstorable() {
    var story = LedgerStory()
    story.tell(.jobStored(Fixture.job("one")))
    let lease = story.assigned!.lease
    let report = Fixture.report(lease, job: "one", worker: "a")
    story.tell(.report("a", report))
    story.tell(.reportUnstorable(lease, report.measurement.id))
    #expect(story.actions.first == .leaseLost("a", lease))
    #expect(story.assigned?.job.job == "one")
  }

  @Test("A lost worker's job goes on elsewhere after the tokens already shown, which are never shown again")
  func resumesAfterLoss() {
    var story = LedgerStory()
    story.tell(.jobStored(Fixture.job("one")))
    let first = story.assigned!
    #expect(story.tokens(first.lease, "one", from: 0, count: 3).count == 1)
    #expect(story.tokens(first.lease, "one", from: 0, count: 3) == [.ignoredTokens])
    story.tell(.workerLost("a"))
    let losses = story.actions.compactMap { if case .storeLoss(let record) = $0 { record } else { nil } }
    #expect(losses.map(\.id) == ["one"] && losses.first?.worker == "a")
    let second = story.assigned!
    #expect(second.worker == "b")
    #expect(second.job.generatedTokenIDs == [0, 1, 2])
    #expect(second.job.generatedText == "t")
    #expect(story.tokens(first.lease, "one", from: 3) == [.ignoredTokens], "the lost worker's late tokens")
    #expect(story.tokens(second.lease, "one", from: 3, worker: "a") == [.ignoredTokens], "another's lease")
    guard case .relay(let chunk)? = story.tokens(second.lease, "one", from: 3, worker: "b").first else {
      Issue.record("expected the new worker's token to be shown")
      return
    }
    #expect(chunk.firstIndex == 3)
  }

  @Test("An answer to a schema, or with tools, begins anew on another node only before its first token")
  func formsDoNotResume() {
    var scored = Fixture.job("one").spec
    scored.sampling = Sampling(schema: "{}")
    var calling = Fixture.job("one").spec
    calling.tools = Tools(functions: [Tools.Function(name: "f", json: "{}")])
    for (scored, count) in [(scored, 0), (scored, 2), (calling, 0), (calling, 2)] {
      var story = LedgerStory()
      story.tell(.jobStored(JobRecord(id: "one", client: "client", spec: scored, submittedAtMS: 0)))
      if count > 0 { _ = story.tokens(story.assigned!.lease, "one", from: 0, count: count) }
      story.tell(.workerLost("a"))
      #expect(story.assigned?.worker == (count == 0 ? "b" : nil))
      #expect(story.endings.map(\.state) == (count == 0 ? [] : [.failed]))
      #expect(story.endings.allSatisfy { $0.failure?.contains("schema") == true })
    }
  }

  @Test("Calls are shown to whoever comes late, and are part of an answer that was cut off")
  func calls() {
    var story = LedgerStory()
    story.tell(.jobStored(Fixture.job("one")))
    let lease = story.assigned!.lease
    let pieces = [
      ToolCallPiece(index: 0, id: "1", name: "f", arguments: "{"), ToolCallPiece(index: 0, arguments: "}"),
    ]
    for (place, piece) in pieces.enumerated() {
      let tokens = GeneratedTokens([Int32(place)], "", toolCalls: [piece])
      story.tell(.tokens("a", TokenChunk(job: "one", lease: lease, firstIndex: place, tokens)))
    }
    var place = StreamPlace()
    #expect(story.ledger.shown(of: "one", behind: place)?.toolCalls == pieces)
    (place.tokens, place.toolCallPieces) = (1, 1)
    #expect(story.ledger.shown(of: "one", behind: place)?.toolCalls == [pieces[1]])
    let whole = [ToolCall(id: "1", name: "f", arguments: "{}")]
    #expect(story.ledger.record(of: "one")?.toolCalls == whole)
    // More pieces than any tokens make: the worker is not believed.
    let many = Array(repeating: pieces[1], count: 1000)
    let flood = TokenChunk(job: "one", lease: lease, firstIndex: 2, GeneratedTokens([2], "", toolCalls: many))
    #expect(story.tell(.tokens("a", flood)) == [.streamBroken("one")])
    story.tell(.cancel("one"))
    story.tell(.workerLost("a"))
    #expect(story.endings.map(\.toolCalls) == [whole])
  }

  @Test("A chunk lost on the way stops the stream; the report brings the rest")
  func gap() {
    var story = LedgerStory()
    story.tell(.jobStored(Fixture.job("one")))
    let lease = story.assigned!.lease
    _ = story.tokens(lease, "one", from: 0)
    #expect(story.tokens(lease, "one", from: 2) == [.streamBroken("one")])
    #expect(story.tokens(lease, "one", from: 3) == [.ignoredTokens])
    let report = Fixture.report(lease, job: "one", worker: "a", output: "tttt")
    story.tell(.report("a", report))
    guard case .storeReport(_, _, let record)? = story.actions.first else { return }
    #expect(record?.output == "tttt")
  }

  @Test("A worker that sends far more tokens than asked is not believed")
  func tooManyTokens() {
    var story = LedgerStory()
    story.tell(.jobStored(Fixture.job("one", maxTokens: 4)))
    let lease = story.assigned!.lease
    #expect(story.tokens(lease, "one", from: 0, count: 1000) == [.streamBroken("one")])
  }

  @Test("A worker lost while its report is being stored ends the job, once")
  func lostWhileStoring() {
    var story = LedgerStory()
    story.tell(.jobStored(Fixture.job("one")))
    let lease = story.assigned!.lease
    let report = Fixture.report(lease, job: "one", worker: "a")
    story.tell(.report("a", report))
    #expect(story.tell(.workerLost("a")) == [])
    story.tell(.reportStored(lease, report.measurement.id))
    #expect(story.actions.count == 1)
    #expect(story.ledger.unfinishedJobs.isEmpty)
  }

  @Test("A worker lost while its report is refused by the store frees the job for another")
  func lostAndNotStored() {
    var story = LedgerStory()
    story.tell(.jobStored(Fixture.job("one")))
    let lease = story.assigned!.lease
    let report = Fixture.report(lease, job: "one", worker: "a")
    story.tell(.report("a", report))
    story.tell(.workerLost("a"))
    story.tell(.reportNotStored(lease, report.measurement.id))
    #expect(story.assigned?.worker == "b")
  }

  @Test("A prompt that is too long for the engine ends the job at once, and is not the configuration's failure")
  func promptTooLong() {
    var story = LedgerStory()
    story.tell(.jobStored(Fixture.job("one")))
    let assigned = story.assigned!
    var report = Fixture.report(assigned.lease, job: "one", worker: assigned.worker.rawValue, outcome: .cancelled)
    report.finishReason = .promptTooLong
    report.measurement.warnings = ["701 tokens are too many"]
    story.tell(.report(assigned.worker, report))
    guard case .storeReport(_, _, let record?)? = story.actions.first else {
      Issue.record("the job goes on: \(story.actions)")
      return
    }
    #expect(record.state == .failed && record.finishReason == .promptTooLong)
    #expect(record.failure == "701 tokens are too many")
  }

  @Test("Tools that one engine refuses are asked of another, and then the refusal is the answer")
  func toolsRefused() {
    var story = LedgerStory()
    story.tell(.jobStored(Fixture.job("one")))
    var workers: [WorkerName] = []
    while let assigned = story.assigned {
      workers.append(assigned.worker)
      var report = Fixture.report(assigned.lease, job: "one", worker: assigned.worker.rawValue, outcome: .cancelled)
      report.finishReason = .toolsRefused
      report.measurement.warnings = ["\(assigned.worker) has no parser of calls"]
      story.tell(.report(assigned.worker, report))
      if case .storeReport(_, _, let record?)? = story.actions.first {
        #expect(record.state == .failed && record.finishReason == .toolsRefused)
        #expect(record.failure == "\(assigned.worker) has no parser of calls")
        break
      }
      story.tell(.reportStored(assigned.lease, report.measurement.id))
    }
    #expect(workers.count == 3 && Set(workers) == ["a", "b"], "\(workers)")
  }

  @Test("Failures are tried elsewhere, then end the job with the last reason")
  func attempts() {
    var story = LedgerStory()
    story.tell(.jobStored(Fixture.job("one")))
    var workers: [WorkerName] = []
    for attempt in 0..<3 {
      let assigned = story.assigned!
      workers.append(assigned.worker)
      let report = Fixture.report(
        assigned.lease, job: "one", worker: assigned.worker.rawValue,
        outcome: .engineFailed(reason: "crash \(attempt)", lastLines: ""))
      story.tell(.report(assigned.worker, report))
      if attempt == 2 {
        guard case .storeReport(_, _, let record?)? = story.actions.first else {
          Issue.record("the third failure ends the job")
          return
        }
        #expect(record.state == .failed)
        #expect(record.failure?.contains("crash 2") == true)
      }
      story.tell(.reportStored(assigned.lease, report.measurement.id))
    }
    #expect(Array(workers.prefix(2)) == ["a", "b"], "the second attempt avoids what failed")
  }

  @Test("Cancelling: a waiting job at once, a running one when its worker stopped or stayed silent")
  func cancels() {
    var story = LedgerStory()
    story.tell(.jobStored(Fixture.job("one")))
    let lease = story.assigned!.lease
    story.tell(.jobStored(Fixture.job("two")))
    story.tell(.jobStored(Fixture.job("waiting")))
    story.tell(.cancel("waiting"))
    #expect(story.endings.map(\.state) == [.cancelled])
    story.tell(.cancel("one"))
    #expect(story.revoked == [lease])
    #expect(story.tell(.cancel("one")) == [], "once is enough")
    let report = Fixture.report(lease, job: "one", worker: "a", outcome: .cancelled)
    story.tell(.report("a", report))
    guard case .storeReport(_, _, let record?)? = story.actions.first else {
      Issue.record("expected the cancelled job's report to be stored")
      return
    }
    #expect(record.state == .cancelled)
    let second = story.ledger.liveLeases.first { $0.job == "two" }!.lease
    story.tell(.cancel("two"))
    #expect(story.revoked == [second])
    story.tell(.tick, after: 11)
    #expect(story.endings.map(\.state) == [.cancelled], "a worker that does not answer cannot keep the job")
  }

  @Test("An ending the store refused is tried again at the next look at the clock")
  func endingNotStored() {
    var story = LedgerStory()
    story.tell(.workerLost("a"))
    story.tell(.workerLost("b"))
    story.tell(.jobStored(Fixture.job("one")))
    story.tell(.cancel("one"))
    #expect(story.tell(.endingNotStored("one")) == [])
    story.tell(.tick)
    #expect(story.endings.count == 1)
    #expect(story.tell(.tick) == [])
    story.tell(.endingStored("one"))
    #expect(story.ledger.unfinishedJobs.isEmpty)
  }

  @Test("All tokens shown and the worker lost: nothing is left to generate, the job is complete")
  func allShown() {
    var story = LedgerStory()
    story.tell(.jobStored(Fixture.job("one", maxTokens: 2)))
    let lease = story.assigned!.lease
    _ = story.tokens(lease, "one", from: 0, count: 2)
    story.tell(.workerLost("a"))
    #expect(story.endings.map(\.state) == [.completed] && story.endings[0].finishReason == .length)
    #expect(story.endings.map(\.output) == ["t"])
  }

  @Test("The queue has an end")
  func queueLimit() {
    var limits = JobLedger.Limits()
    limits.queuedJobs = 2
    var story = LedgerStory(limits: limits, answersRankings: false)
    #expect(story.ledger.reserve(for: JobOwner(client: "client")) == true)
    #expect(story.ledger.reserve(for: JobOwner(client: "client")) == true)
    #expect(story.ledger.reserve(for: JobOwner(client: "client")) == false)
    story.tell(.jobNotStored)
    #expect(story.ledger.reserve(for: JobOwner(client: "client")) == true)
    story.tell(.jobStored(Fixture.job("one")))
    story.tell(.jobStored(Fixture.job("two")))
    #expect(story.ledger.reserve(for: JobOwner(client: "client")) == false)
  }

  @Test("One tenant cannot fill the queue: it may have as many jobs waiting as there are places left")
  func queueOfTenants() {
    var limits = JobLedger.Limits()
    limits.queuedJobs = 9
    var story = LedgerStory(limits: limits, answersRankings: false)
    var count = 0
    func submit(_ tenant: String?) -> Bool {
      guard story.ledger.reserve(for: JobOwner(client: "client", tenant: tenant)) else { return false }
      var spec = Fixture.spec()
      spec.tenant = tenant
      count += 1
      story.tell(.jobStored(JobRecord(id: JobID("\(count)"), client: "client", spec: spec, submittedAtMS: 0)))
      return true
    }
    #expect((0..<20).count { _ in submit("flood") } == 5)
    #expect((0..<20).count { _ in submit("late") } == 2)
    #expect((0..<20).count { _ in submit(nil) } == 2, "the client itself may have all that is left")
    #expect(!submit("other"))
    story.tell(.cancel("1"))
    #expect(!submit("flood") && !submit("late") && submit("other"))
  }
}

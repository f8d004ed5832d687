import Benchmarking
import Engines
import Serving
import Synchronization
import TestKit
import Testing

/// Jobs on the scripted engine, whose model counts: the token after t is t + 1.
@Suite("Job runner", .serialized) struct JobRunnerTests {
  private func run(
    _ prompt: Prompt, maxTokens: Int = 5, script: ScriptedEngine.Script = .init(), generated: [Int32] = [],
    text: String = "", sampling: Sampling? = nil, cancelAfterFirst: Bool = false
  ) async throws -> (
    measurement: Measurement, output: String, finishReason: FinishReason?, shown: [Int32], shownText: String,
    logprobs: [TokenLogprob]
  ) {
    let host = try scriptedHost(ScriptedEngine(script: script))
    let candidate = Candidate(configuration: EngineConfiguration(engine: EngineName("scripted")), fidelity: .exact)
    let engine = try await host.launch(candidate.configuration, model: .scripted, contextTokens: nil)
    let shown = Mutex(GeneratedTokens())
    let (begun, begin) = AsyncStream<Void>.makeStream()
    let job = JobRequest(
      job: JobID("job-1"),
      spec: JobSpec(model: ModelProfile.scripted.id, prompt: prompt, maxTokens: maxTokens, sampling: sampling),
      candidate: candidate, generatedTokenIDs: generated, generatedText: text)
    let task = Task {
      await JobRunner(host: host).run(job, on: engine) { tokens in
        shown.withLock { $0.append(tokens) }
        begin.yield()
      }
    }
    if cancelAfterFirst {
      for await _ in begun { break }
      task.cancel()
    }
    let answer = await task.value
    await engine.stop()
    let all = shown.withLock { $0 }
    return (answer.measurement, answer.output, answer.finishReason, all.ids, all.text, all.logprobs)
  }

  /// A text is completed, streamed and measured as what it was.
  @Test func textJob() async throws {
    let result = try await run(
      .text("t1 t2 t3"),
      script: .init {
        $0.ttftMS = 20
        $0.itlMS = 5
        $0.draftAcceptance = 0.5
      })
    #expect(result.shown == [4, 5, 6, 7, 8] && result.shownText == " t4 t5 t6 t7 t8")
    #expect(result.output == result.shownText)
    let metrics = try #require(result.measurement.outcome.metrics)
    #expect(metrics.requestCount == 1 && metrics.promptTokenCount == 3 && metrics.outputTokenCount == 5)
    #expect(metrics.ttft.meanMS >= 20 && metrics.acceptanceRate == 0.5 && (metrics.peakMemoryBytes ?? 0) > 0)
    #expect(result.measurement.source == .job(JobID("job-1")))
    #expect(result.measurement.workload.promptTokens == 3...3 && result.measurement.workload.outputTokens == 5...5)
    #expect(result.measurement.samples.count == 1 && result.measurement.warnings.isEmpty)
  }

  /// Why an answer ended is what the engine says: a text to stop at that comes with the last token asked for is a stop.
  @Test func finishReasons() async throws {
    #expect(try await run(.text("t1 t2 t3")).finishReason == .length)
    let stopped = try await run(.text("t1 t2 t3"), sampling: Sampling(stop: ["t8"]))
    #expect(stopped.finishReason == .stop && stopped.output == " t4 t5 t6 t7 ")
    let full = try await run(.text("t1 t2 t3"), script: .init { $0.contextTokens = 6 })
    #expect(full.finishReason == .contextFull && full.output == " t4 t5 t6")
    let failed = try await run(.text("t1"), script: .init { $0.refuse = true })
    #expect(failed.finishReason == nil)
  }

  /// Log-probabilities come with the tokens, as many alternatives as were asked for; unasked there are none.
  @Test func logprobs() async throws {
    let said = try await run(.text("t1"), maxTokens: 2, sampling: Sampling(logprobs: 2)).logprobs
    #expect(said.map { String(decoding: $0.token.bytes, as: UTF8.self) } == [" t2", " t3"])
    #expect(said.allSatisfy { abs($0.token.logprob - -0.5108) < 1e-3 })  // log 0.6
    #expect(said[0].alternatives.map { String(decoding: $0.bytes, as: UTF8.self) } == [" t2", " t3"])
    #expect(abs(said[0].alternatives[1].logprob - -1.204) < 1e-3)  // log 0.3
    let alone = try await run(.text("t1"), maxTokens: 2, sampling: Sampling(logprobs: 0)).logprobs
    #expect(alone.map(\.token) == said.map(\.token) && alone.allSatisfy(\.alternatives.isEmpty))
    #expect(try await run(.text("t1"), maxTokens: 2).logprobs.isEmpty)
  }

  /// A chat goes through the model's template first.
  @Test func chatJob() async throws {
    let result = try await run(.chat([ChatMessage(role: "user", content: "t7")]), maxTokens: 2)
    // The template ends with the word <assistant>, whose token is the sum of its bytes.
    let last = Int32("<assistant>".utf8.reduce(0) { $0 + Int($1) } % 8192)
    #expect(result.shown == [last + 1, last + 2])
    #expect(result.measurement.workload.promptTokens == 3...3)
  }

  /// After a failover the answer goes on where it stopped: nothing is shown twice, and the whole text is as if one
  /// worker had made it.
  @Test func goesOnAfterGeneratedTokens() async throws {
    let whole = try await run(.text("t1 t2 t3"))
    let rest = try await run(.text("t1 t2 t3"), generated: [4, 5], text: " t4 t5")
    #expect(rest.shown == [6, 7, 8] && rest.output == whole.output)
    // Measured as what this run did: a longer prompt and a shorter answer.
    #expect(rest.measurement.workload.promptTokens == 5...5 && rest.measurement.workload.outputTokens == 3...3)
    // Where an id is unknown, the text stands in for it.
    let fromText = try await run(.text("t1 t2 t3"), generated: [4, TokenArrival.unknownToken], text: " t4 t5")
    #expect(fromText.shown == [6, 7, 8] && fromText.output == whole.output)
  }

  /// A job whose tokens had all come before its worker was lost is complete, and nothing is generated.
  @Test func nothingLeftToGenerate() async throws {
    let result = try await run(.text("t1"), maxTokens: 2, generated: [2, 3], text: " t2 t3")
    #expect(result.shown.isEmpty && result.output == " t2 t3")
    #expect(result.measurement.outcome.metrics?.outputTokenCount == 0)
    #expect(result.measurement.samples.isEmpty && result.measurement.warnings.count == 1)
  }

  /// A prompt longer than the context fails with both numbers and what to do.
  @Test func promptLongerThanTheContext() async throws {
    let words = (1...40).map { "t\($0)" }.joined(separator: " ")
    let result = try await run(.text(words), script: .init { $0.contextTokens = 32 })
    #expect(result.measurement.outcome == .cancelled, "no failure of the configuration")
    let reason = try #require(result.measurement.warnings.first)
    #expect(reason.contains("40 tokens") && reason.contains("context of 32") && reason.contains("shorten"))
    #expect(result.output.isEmpty && result.finishReason == .promptTooLong)
  }

  /// The bad ends of an engine are the job's outcome, with the text so far.
  @Test func badEnds() async throws {
    let crashed = try await run(.text("t1"), maxTokens: 9, script: .init { $0.dieAfterTokens = 3 })
    #expect("\(crashed.measurement.outcome)".contains("SIGSEGV"))
    #expect(crashed.output.hasPrefix(" t2") && crashed.output == crashed.shownText)
    #expect(crashed.measurement.samples[0].failure != nil)
    let garbage = try await run(.text("t1"), script: .init { $0.garbage = true })
    #expect("\(garbage.measurement.outcome)".contains("not understood"))
    let refused = try await run(.text("t1"), script: .init { $0.refuse = true })
    #expect("\(refused.measurement.outcome)".contains("scripted to refuse"))
  }

  /// A cancelled job ends soon and says so, with what it has.
  @Test func cancellation() async throws {
    let result = try await run(
      .text("t1"), maxTokens: 1000, script: .init { $0.itlMS = 2000 }, cancelAfterFirst: true)
    #expect(result.measurement.outcome == .cancelled)
    #expect(result.output.hasPrefix(" t2") && result.shown.count < 100)
  }
}

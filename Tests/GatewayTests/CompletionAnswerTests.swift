import Foundation
import Serving
import Testing

@testable import Gateway

/// Answers in OpenAI's shape, from jobs as a coordinator tells them.
@Suite struct CompletionAnswerTests {
  private let answer = CompletionAnswer(isChat: true, id: "chatcmpl-1", model: "m", createdAt: 7)

  private func choice(_ reason: FinishReason?, maxTokens: Int = 4, outputTokens: Int = 4) -> CompletionAnswer.Choice {
    let record = JobRecord(
      id: JobID("1"), client: "c", spec: JobSpec(model: ModelID("m"), prompt: .text("p"), maxTokens: maxTokens),
      state: .completed, submittedAtMS: 0, output: "text", finishReason: reason)
    return CompletionAnswer.Choice(record: record, measurement: .answer(outputTokens: outputTokens))
  }

  private func object(_ bytes: some Collection<UInt8>) throws -> [String: Any] {
    try #require(JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
  }

  /// The `finish_reason` of a whole answer and of the last event of a streamed one.
  private func words(_ choice: CompletionAnswer.Choice) throws -> [String] {
    let whole = try object(answer.json([choice]).bytes)
    let last = try object(answer.end(choice: 0, choice).dropFirst(6))
    return try [whole, last].map { object in
      let choices = try #require(object["choices"] as? [[String: Any]])
      return try #require(choices[0]["finish_reason"] as? String)
    }
  }

  @Test("What the engine says ended it counts, not how long the answer is")
  func finishReasons() throws {
    #expect(try words(choice(.stop)) == ["stop", "stop"], "a text to stop at came with the last token")
    #expect(try words(choice(.length)) == ["length", "length"])
    #expect(try words(choice(.contextFull, outputTokens: 2)) == ["length", "length"])
    // Workers of before did not say.
    #expect(try words(choice(nil)) == ["length", "length"])
    #expect(try words(choice(nil, outputTokens: 2)) == ["stop", "stop"])
  }

  @Test("A prompt over the context is told by its kind, whatever the words of the failure are")
  func promptsThatAreTooLong() {
    func refusal(_ reason: FinishReason?, _ failure: String) -> OpenAIError? {
      var record = choice(reason).record
      record.state = .failed
      record.failure = failure
      do {
        try CompletionAnswer.Choice(record: record).check()
        return nil
      } catch {
        return error
      }
    }
    let long = refusal(.promptTooLong, "zu lang")
    #expect(long?.status == .badRequest && long?.code == "context_length_exceeded")
    let other = refusal(nil, "the engine lost its context")
    #expect(other?.status == .internalServerError && other?.code == "job_failed")
    let refused = OpenAIError(ApusError(.badInput, "does not fit", kind: .contextExceeded))
    #expect(refused.status == .badRequest && refused.code == "context_length_exceeded")
    #expect(OpenAIError(ApusError(.badInput, "the context is odd")).code == "invalid_value")
  }
}

extension Measurement {
  /// Of a job that gave so many tokens.
  static func answer(outputTokens: Int) -> Measurement {
    let latency = LatencySummary(meanMS: 1, p50MS: 1, p90MS: 1, p99MS: 1)
    let metrics = Metrics(
      requestCount: 1, failedRequestCount: 0, promptTokenCount: 3, outputTokenCount: outputTokens, wallSeconds: 1,
      cpuSeconds: nil, peakMemoryBytes: nil, loadSeconds: 0, ttft: latency, itl: latency, tpot: latency, e2e: latency,
      acceptanceRate: nil)
    let hardware = HardwareProfile(
      machine: MachineID("machine"), processor: "p", coreCount: 1, instructionSets: [], memoryBytes: 1,
      memoryBandwidth: 1, gemmRate: 1, accelerators: [])
    return Measurement(
      id: MeasurementID("m"), source: .job(JobID("1")), worker: WorkerName("w"), hardware: hardware,
      model: .unknown(ModelID("m")), workload: .chat, configuration: EngineConfiguration(engine: EngineName("e")),
      fidelity: .exact, engineVersion: "1", startedAtMS: 0, outcome: .completed(metrics))
  }
}

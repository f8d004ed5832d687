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
      submittedAtMS: 0, standing: JobStanding(state: .completed, output: "text", finishReason: reason))
    return CompletionAnswer.Choice(record: record, figures: .answer(outputTokens: outputTokens))
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

  private static let said = [
    TokenLogprob(
      .init(bytes: Array(" h".utf8), logprob: -0.5),
      alternatives: [.init(bytes: Array(" h".utf8), logprob: -0.5), .init(bytes: [0xc3], logprob: -1.25)]),
    // A part of a character, and not among the most probable.
    TokenLogprob(.init(bytes: [0xc3], logprob: -3), alternatives: [.init(bytes: Array("e".utf8), logprob: -0.25)]),
  ]

  private func logprobs(_ object: [String: Any]) throws -> [String: Any] {
    let choices = try #require(object["choices"] as? [[String: Any]])
    return try #require(choices[0]["logprobs"] as? [String: Any])
  }

  @Test("Log-probabilities of a chat: tokens with their bytes and what was more probable")
  func chatLogprobs() throws {
    var choice = choice(.stop)
    choice.logprobs = Self.said
    var frame = answer.frame(choice: 0)
    for object in [
      try object(answer.json([choice]).bytes), try object(frame.event(" h\u{fffd}", Self.said).dropFirst(6)),
    ] {
      let content = try #require(try logprobs(object)["content"] as? [[String: Any]])
      #expect(content.map { $0["token"] as? String } == [" h", "\u{fffd}"])
      #expect(content.map { $0["bytes"] as? [Int] } == [[32, 104], [0xc3]])
      #expect(content.map { $0["logprob"] as? Double } == [-0.5, -3])
      let top = try content.map { try #require($0["top_logprobs"] as? [[String: Any]]) }
      #expect(
        top[0].map { $0["logprob"] as? Double } == [-0.5, -1.25] && top[1].map { $0["token"] as? String } == ["e"])
    }
    // Asked for and not known, and not asked for.
    let unknown = try #require(try object(frame.event("x", []).dropFirst(6))["choices"] as? [[String: Any]])
    #expect(unknown[0]["logprobs"] is NSNull)
    let unasked = try #require(try object(frame.event("x", nil).dropFirst(6))["choices"] as? [[String: Any]])
    #expect(unasked[0]["logprobs"] == nil && (unasked[0]["delta"] as? [String: Any])?["content"] as? String == "x")
  }

  @Test("Log-probabilities of a completion: lists side by side, offsets over all events")
  func completionLogprobs() throws {
    let answer = CompletionAnswer(isChat: false, id: "cmpl-1", model: "m", createdAt: 7)
    var choice = choice(.stop)
    choice.logprobs = Self.said
    var frame = answer.frame(choice: 0)
    _ = frame.event("žx", [])
    let objects = [
      try object(answer.json([choice]).bytes), try object(frame.event(" h\u{fffd}", Self.said).dropFirst(6)),
    ]
    for (object, offset) in zip(objects, [0, 2]) {
      let said = try logprobs(object)
      #expect(said["tokens"] as? [String] == [" h", "\u{fffd}"] && said["token_logprobs"] as? [Double] == [-0.5, -3])
      #expect(said["text_offset"] as? [Int] == [offset, offset + 2])
      #expect(
        said["top_logprobs"] as? [[String: Double]] == [
          [" h": -0.5, "\u{fffd}": -1.25], ["e": -0.25, "\u{fffd}": -3],
        ])
    }
    choice.logprobs = [TokenLogprob(.init(bytes: [104], logprob: -.infinity))]
    let alone = try logprobs(try object(answer.json([choice]).bytes))
    #expect(alone["top_logprobs"] is NSNull && alone["token_logprobs"] as? [Double] == [-9999])
  }

  @Test("Calls, whole and in pieces; an answer of calls alone has no content")
  func calls() throws {
    var choice = choice(.toolCalls)
    choice.record.toolCalls = [ToolCall(id: "c1", name: "f", arguments: #"{"a":"b"}"#)]
    for (output, content) in [("", nil), ("so", "so")] {
      choice.record.output = output
      let choices = try #require(try object(answer.json([choice]).bytes)["choices"] as? [[String: Any]])
      let message = try #require(choices[0]["message"] as? [String: Any])
      #expect(message["content"] as? String == content && choices[0]["finish_reason"] as? String == "tool_calls")
      let call = try #require((message["tool_calls"] as? [[String: Any]])?.first)
      #expect(call["id"] as? String == "c1" && call["type"] as? String == "function")
      #expect(call["function"] as? [String: String] == ["name": "f", "arguments": #"{"a":"b"}"#])
    }
    let pieces = [
      ToolCallPiece(index: 0, id: "c1", name: "f", arguments: "{"), ToolCallPiece(index: 0, arguments: "\"}"),
    ]
    let event = answer.calls(choice: 1, pieces)
    let choices = try #require(try object(event.dropFirst(6))["choices"] as? [[String: Any]])
    #expect(choices[0]["index"] as? Int == 1 && choices[0]["finish_reason"] is NSNull)
    let said = try #require((choices[0]["delta"] as? [String: Any])?["tool_calls"] as? [[String: Any]])
    #expect(said.map { $0["id"] as? String } == ["c1", nil] && said.map { $0["index"] as? Int } == [0, 0])
    #expect(said[0]["function"] as? [String: String] == ["name": "f", "arguments": "{"])
    #expect(said[1]["function"] as? [String: String] == ["arguments": "\"}"])
    #expect(event.suffix(2).elementsEqual("\n\n".utf8))
  }

  private func fault(_ record: JobRecord) -> OpenAIError? {
    do {
      try CompletionAnswer.Choice(record: record).check()
      return nil
    } catch {
      return error
    }
  }

  @Test("Who cancelled a job, or whose deadline passed, does not want it again")
  func finalEnds() {
    let spec = JobSpec(model: ModelID("m"), prompt: .text("p"), maxTokens: 4, deadlineMS: 500)
    var record = JobRecord(
      id: JobID("1"), client: "c", spec: spec, submittedAtMS: 1000, standing: JobStanding(state: .cancelled))
    let cancelled = fault(record)
    #expect(cancelled?.status == .conflict && cancelled?.code == "cancelled" && cancelled?.isFinal == true)
    record.state = .failed
    for (reason, status, code) in [(nil, 500, "job_failed"), (FinishReason.deadlinePassed, 504, "deadline_exceeded")] {
      record.finishReason = reason
      let failed = fault(record)
      #expect(failed?.status.code == status && failed?.code == code && failed?.isFinal == (status == 504))
    }
  }

  @Test("The tokens of each prompt are counted once, however many choices answer it", arguments: [1, 2, 4])
  func usage(choicesPerPrompt: Int) throws {
    let answer = CompletionAnswer(
      isChat: false, id: "cmpl-1", model: "m", createdAt: 7, choicesPerPrompt: choicesPerPrompt)
    let choices = Array(repeating: choice(.stop), count: 4)
    let usage = try #require(try object(answer.json(choices).bytes)["usage"] as? [String: Any])
    #expect(usage["prompt_tokens"] as? Int == 3 * 4 / choicesPerPrompt && usage["completion_tokens"] as? Int == 16)
  }

  @Test("A prompt over the context is told by its kind, whatever the words of the failure are")
  func promptsThatAreTooLong() {
    func refusal(_ reason: FinishReason?, _ failure: String) -> OpenAIError? {
      var record = choice(reason).record
      record.state = .failed
      record.failure = failure
      return fault(record)
    }
    let long = refusal(.promptTooLong, "zu lang")
    #expect(long?.status == .badRequest && long?.code == "context_length_exceeded")
    let tools = refusal(.toolsRefused, "no parser")
    #expect(tools?.status == .badRequest && tools?.code == "tools_refused" && tools?.param == "tools")
    #expect(OpenAIError(ApusError(.badInput, "none", kind: .toolsRefused)).code == "tools_refused")
    let limits = refusal(.limitsUnmet, "TTFT")
    #expect(limits?.status.code == 422 && limits?.code == "limits_unmet")
    let late = refusal(.deadlinePassed, "late")
    #expect(late?.status.code == 504 && late?.code == "deadline_exceeded")
    let other = refusal(nil, "the engine lost its context")
    #expect(other?.status == .internalServerError && other?.code == "job_failed")
    let refused = OpenAIError(ApusError(.badInput, "does not fit", kind: .contextExceeded))
    #expect(refused.status == .badRequest && refused.code == "context_length_exceeded")
    #expect(OpenAIError(ApusError(.badInput, "the context is odd")).code == "invalid_value")
  }
}

extension JobFigures {
  /// Of a job that gave so many tokens.
  static func answer(outputTokens: Int) -> Self {
    JobFigures(promptTokenCount: 3, outputTokenCount: outputTokens, ttftMS: 1, tpotMS: 1, e2eMS: 1)
  }
}

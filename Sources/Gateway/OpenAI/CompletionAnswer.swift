import Messaging
import Serving

/// The answer to a completion, whole or in pieces, in OpenAI's words.
struct CompletionAnswer: Sendable {
  let isChat: Bool
  /// `chatcmpl-JOB` or `cmpl-JOB`.
  let id: String
  let model: String
  /// Seconds since 1970.
  let createdAt: Int
  /// Choices beside each other that answer one prompt.
  var choicesPerPrompt = 1

  /// One choice at its end.
  struct Choice: Sendable {
    var record: JobRecord
    /// Nil where it was not completed.
    var figures: JobFigures?
    /// Of its tokens, as far as they were asked for and the engine told.
    var logprobs: [TokenLogprob] = []

    var promptTokens: Int { figures?.promptTokenCount ?? 0 }
    var outputTokens: Int { figures?.outputTokenCount ?? 0 }
    var cachedTokens: Int { figures?.cachedTokenCount ?? 0 }
    var finishReason: String { record.finishReason(outputTokens: outputTokens).openAI }
    var ttftMS: Double? { figures?.ttftMS }

    /// - Throws: why the job has no answer.
    func check() throws(OpenAIError) {
      switch record.state {
      case .completed: return
      case .cancelled:
        throw OpenAIError(.conflict, "the job \(record.id) was cancelled", code: "cancelled", isFinal: true)
      default:
        let reason = record.failure ?? "no reason was given"
        let text = "the job \(record.id) failed: \(reason)"
        throw switch record.finishReason {
        case .promptTooLong: OpenAIError(.badRequest, text, code: "context_length_exceeded")
        case .toolsRefused: OpenAIError(.badRequest, text, param: "tools", code: "tools_refused")
        case .refused: OpenAIError(.badRequest, text, code: "invalid_value")
        case .limitsUnmet: OpenAIError(.unprocessableContent, text, code: "limits_unmet")
        case .deadlinePassed: OpenAIError(.gatewayTimeout, text, code: "deadline_exceeded", isFinal: true)
        default: OpenAIError(.internalServerError, text, code: "job_failed")
        }
      }
    }
  }

  // MARK: Whole

  func json(_ choices: [Choice]) -> JSONText {
    var text = JSONText()
    head(isChat ? "chat.completion" : "text_completion", &text)
    text.raw(#","choices":"#)
    text.array(Array(choices.enumerated())) { text, choice in
      text.raw(#"{"index":"#)
      text.number(choice.offset)
      if isChat {
        text.message(choice.element.record)
      } else {
        text.raw(#","text":"#)
        text.string(choice.element.record.output)
      }
      text.raw(#","logprobs":"#)
      text.logprobs(choice.element.logprobs, isChat: isChat, from: 0)
      text.raw(#","finish_reason":"#)
      text.string(choice.element.finishReason)
      text.raw("}")
    }
    text.raw(#","usage":"#)
    text.raw(usageText(choices))
    text.raw(#","apus":"#)
    text.array(choices) { text, choice in text.raw(Self.route(choice)) }
    text.raw("}")
    return text
  }

  private func head(_ object: StaticString, _ text: inout JSONText) {
    text.raw(#"{"id":"#)
    text.string(id)
    text.raw(#","object":""#)
    text.raw(object)
    text.raw(#"","created":"#)
    text.number(createdAt)
    text.raw(#","model":"#)
    text.string(model)
  }

  private func usageText(_ choices: [Choice]) -> JSONText {
    // A prompt is one, however many choices answer it.
    let first = stride(from: 0, to: choices.count, by: choicesPerPrompt).map { choices[$0] }
    let prompt = first.reduce(0) { $0 + $1.promptTokens }
    let output = choices.reduce(0) { $0 + $1.outputTokens }
    var text = JSONText()
    text.raw(#"{"prompt_tokens":"#)
    text.number(prompt)
    text.raw(#","completion_tokens":"#)
    text.number(output)
    text.raw(#","total_tokens":"#)
    text.number(prompt + output)
    text.raw(#","prompt_tokens_details":{"cached_tokens":"#)
    text.number(first.reduce(0) { $0 + $1.cachedTokens })
    text.raw("}}")
    return text
  }

  /// Where and how a choice ran, and what was foreseen and measured.
  private static func route(_ choice: Choice) -> JSONText {
    var text = JSONText()
    text.raw(#"{"job":"#)
    text.string(choice.record.id.rawValue)
    text.raw(#","node":"#)
    text.optional(choice.record.worker?.rawValue)
    text.raw(#","strategy":"#)
    text.optional(choice.record.configuration?.fingerprint)
    text.raw(#","predicted_ttft_ms":"#)
    text.number(choice.record.predicted?.ttftMS)
    text.raw(#","ttft_ms":"#)
    text.number(choice.ttftMS)
    text.raw("}")
    return text
  }

  // MARK: In pieces

  /// What stands before and after the text in each event of a stream, made once.
  struct Frame: Sendable {
    fileprivate let before: [UInt8]
    fileprivate let after: [UInt8]
    fileprivate let isChat: Bool
    /// Characters of the events so far.
    private var offset = 0

    fileprivate init(before: [UInt8], after: [UInt8], isChat: Bool) {
      self.before = before
      self.after = after
      self.isChat = isChat
    }

    /// An event with a piece of text.
    ///
    /// - Parameter logprobs: what is known of its tokens; nil where nobody asked.
    mutating func event(_ piece: String, _ logprobs: [TokenLogprob]?) -> [UInt8] {
      var text = JSONText()
      text.string(piece)
      if isChat { text.raw("}") }
      if let logprobs {
        text.raw(#","logprobs":"#)
        text.logprobs(logprobs, isChat: isChat, from: offset)
        offset += piece.unicodeScalars.count
      }
      return before + text.bytes + after
    }
  }

  func frame(choice: Int) -> Frame {
    var before = piece(choice)
    if isChat { before.raw(#""delta":{"content":"#) } else { before.raw(#""text":"#) }
    return Frame(before: before.bytes, after: Array(",\"finish_reason\":null}]}\n\n".utf8), isChat: isChat)
  }

  private func piece(_ choice: Int) -> JSONText {
    var text = JSONText()
    text.raw("data: ")
    head(isChat ? "chat.completion.chunk" : "text_completion", &text)
    text.raw(#","choices":[{"index":"#)
    text.number(choice)
    text.raw(",")
    return text
  }

  /// The first event of a chat, which names the role.
  func role(choice: Int) -> [UInt8] {
    var text = piece(choice)
    text.raw(#""delta":{"role":"assistant","content":""},"finish_reason":null}]}"#)
    text.raw("\n\n")
    return text.bytes
  }

  /// An event with parts of calls.
  func calls(choice: Int, _ pieces: [ToolCallPiece]) -> [UInt8] {
    var text = piece(choice)
    text.raw(#""delta":{"tool_calls":"#)
    text.array(pieces) { $0.call($1) }
    text.raw(#"},"finish_reason":null}]}"#)
    text.raw("\n\n")
    return text.bytes
  }

  /// The last event of a choice: why it ended, and how it ran.
  func end(choice: Int, _ ended: Choice) -> [UInt8] {
    var text = piece(choice)
    if isChat { text.raw(#""delta":{},"#) } else { text.raw(#""text":"","#) }
    text.raw(#""finish_reason":"#)
    text.string(ended.finishReason)
    text.raw(#"}],"apus":"#)
    text.raw(Self.route(ended))
    text.raw("}\n\n")
    return text.bytes
  }

  /// The event that `stream_options.include_usage` asks for.
  func usage(_ choices: [Choice]) -> [UInt8] {
    var text = JSONText()
    text.raw("data: ")
    head(isChat ? "chat.completion.chunk" : "text_completion", &text)
    text.raw(#","choices":[],"usage":"#)
    text.raw(usageText(choices))
    text.raw("}\n\n")
    return text.bytes
  }

  static let done = Array("data: [DONE]\n\n".utf8)

  /// A stream that cannot go on says why.
  static func failure(_ error: OpenAIError) -> [UInt8] { Array("data: ".utf8) + error.json.bytes + Array("\n\n".utf8) }
}

import Engines
import Serving

/// A line of a batch's results, as OpenAI's batch output writes it, and how its job ended.
struct BatchResult: Sendable {
  enum Ending: Sendable { case completed, failed, refused }

  var ending: Ending
  /// One JSON object, without a line break.
  var text: String
  /// Tokens of the answer.
  var tokenCount = 0

  /// Names a line's result. It is the same for the same line with the same model and options, so that a results file
  /// that was broken off can be told from that of another batch.
  static func id(_ known: String) -> String { "batch_req_" + SHA256.hexDigest(known).prefix(24) }

  /// What the text of a result begins with.
  static func beginning(_ id: String) -> String { #"{"id":"\#(id)","# }

  /// A line that became no job, or whose job the coordinator did not take.
  init(_ fault: BatchFault, line: Int, id: String) {
    ending = .refused
    text = Self.line(
      id, customID: fault.customID, response: .null,
      error: .object([
        ("code", "invalid_request"), ("message", .string(fault.message(line: line))),
        ("param", JSONValue(fault.field)), ("line", .int(line)),
      ]))
  }

  /// - Parameters:
  ///   - shownTokens: those that were streamed; fewer than all when the job had ended before, and more than its last
  ///     run's when a node was lost on the way.
  init(
    _ record: JobRecord, _ figures: JobFigures?, of request: BatchRequest, model: String, shownTokens: Int,
    id: String
  ) {
    guard record.state == .completed else {
      ending = .failed
      text = Self.line(
        id, customID: request.customID, response: .null,
        error: .object([
          ("code", record.state == .cancelled ? "job_cancelled" : "job_failed"),
          (
            "message",
            .string("job \(record.id) \(record.state.rawValue)" + (record.failure.map { ": \($0)" } ?? ""))
          ),
          ("param", .null), ("job", .string(record.id.rawValue)),
        ]))
      return
    }
    ending = .completed
    let promptTokens = figures?.promptTokenCount ?? 0
    tokenCount = max(shownTokens, figures?.outputTokenCount ?? 0)
    let reason = JSONValue.string(record.finishReason(outputTokens: tokenCount).openAI)
    let answer: (String, JSONValue) =
      switch request.route {
      case .chat: ("message", JobOutput.message(of: record))
      case .text: ("text", .string(record.output))
      }
    text = Self.line(
      id, customID: request.customID,
      response: .object([
        ("status_code", 200), ("request_id", .string(record.id.rawValue)),
        (
          "body",
          .object([
            ("id", .string(record.id.rawValue)),
            ("object", request.route == .chat ? "chat.completion" : "text_completion"),
            ("created", .int(Int(record.submittedAtMS / 1000))), ("model", .string(model)),
            (
              "choices",
              .array([.object([("index", 0), answer, ("logprobs", .null), ("finish_reason", reason)])])
            ),
            (
              "usage",
              .object([
                ("prompt_tokens", .int(promptTokens)), ("completion_tokens", .int(tokenCount)),
                ("total_tokens", .int(promptTokens + tokenCount)),
              ])
            ),
          ])
        ),
      ]), error: .null)
  }

  /// A result of an earlier run, as it stands in its file; nil for what is no result named `id`.
  init?(text bytes: [UInt8], id: String) {
    guard bytes.starts(with: Self.beginning(id).utf8), bytes.last == UInt8(ascii: "}") else { return nil }
    text = ""
    if bytes.suffix(Self.success.utf8.count).elementsEqual(Self.success.utf8) {
      ending = .completed
    } else {
      ending = String(decoding: bytes, as: UTF8.self).contains(Self.refusal) ? .refused : .failed
    }
  }

  /// What only a completed line ends with, and what only a refused one has in it: a quotation mark in a text is escaped.
  private static let success = #""error":null}"#
  private static let refusal = #""error":{"code":"invalid_request","#

  private static func line(_ id: String, customID: String?, response: JSONValue, error: JSONValue) -> String {
    JSONValue.object([
      ("id", .string(id)), ("custom_id", JSONValue(customID)), ("response", response), ("error", error),
    ]).text
  }
}

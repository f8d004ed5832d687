import Foundation
import Serving

/// Jobs as text and JSON.
enum JobOutput {
  static func table(_ jobs: [JobRecord]) -> TextTable {
    var table = TextTable(["JOB", "STATE", "WORKER", "STRATEGY", ">TRIES", "SUBMITTED", "NOTE"])
    for job in jobs {
      table.add([
        job.id.rawValue, job.state.rawValue, job.worker?.rawValue ?? "-", job.configuration?.label ?? "-",
        String(job.attemptCount), time(job.submittedAtMS),
        job.failure.map { String($0.prefix(60)) } ?? (job.isExploration ? "exploration" : ""),
      ])
    }
    return table
  }

  /// - Parameter modelName: nil for a model that no worker has now.
  static func text(_ job: JobRecord, _ figures: JobFigures?, modelName: String?) -> String {
    var lines = [
      "job        \(job.id)", "state      \(job.state.rawValue)",
      "model      \(modelName ?? String(job.spec.model.rawValue.prefix(16)))",
      "submitted  \(time(job.submittedAtMS))", "tries      \(job.attemptCount)",
    ]
    if let tenant = job.spec.tenant { lines.append("tenant     \(tenant)") }
    if let reason = job.waitReason { lines.append("waits      \(reason)") }
    if let worker = job.worker { lines.append("worker     \(worker)") }
    if let configuration = job.configuration { lines.append("strategy   \(configuration.label)") }
    if job.isExploration { lines.append("exploration: sent elsewhere than to what is believed best, to learn") }
    if let failure = job.failure { lines.append("failure    \(failure)") }
    if let summary = comparison(job, figures) { lines.append(summary) }
    if !job.output.isEmpty { lines.append("output     \(job.output)") }
    lines += job.toolCalls.map { "calls      \($0.name)(\($0.arguments))" }
    return lines.joined(separator: "\n")
  }

  /// `TTFT 80 ms (predicted 75 ms)  TPOT ...`; nil without figures.
  static func comparison(_ job: JobRecord, _ figures: JobFigures?) -> String? {
    guard let figures else { return nil }
    return """
      measured   TTFT \(Figures.milliseconds(figures.ttftMS)) (predicted \(Figures.milliseconds(job.predicted?.ttftMS))), \
      TPOT \(Figures.milliseconds(figures.tpotMS)) (predicted \(Figures.milliseconds(job.predicted?.tpotMS))), \
      E2E \(Figures.milliseconds(figures.e2eMS)) (predicted \(Figures.milliseconds(job.predicted?.e2eMS)))
      """
  }

  static func json(_ job: JobRecord, _ figures: JobFigures?) -> JSONValue {
    return .object([
      ("job", .string(job.id.rawValue)), ("state", .string(job.state.rawValue)),
      ("model", .string(job.spec.model.rawValue)), ("tenant", JSONValue(job.spec.tenant)),
      ("worker", JSONValue(job.worker?.rawValue)),
      ("strategy", JSONValue(job.configuration?.fingerprint)), ("attempt_count", .int(job.attemptCount)),
      ("is_exploration", .bool(job.isExploration)),
      ("submitted_at_ms", .int(Int(job.submittedAtMS))),
      ("finished_at_ms", JSONValue(job.finishedAtMS.map { Int($0) })),
      ("predicted_ttft_ms", JSONValue(job.predicted?.ttftMS)), ("predicted_tpot_ms", JSONValue(job.predicted?.tpotMS)),
      ("predicted_e2e_ms", JSONValue(job.predicted?.e2eMS)), ("ttft_ms", JSONValue(figures?.ttftMS)),
      ("tpot_ms", JSONValue(figures?.tpotMS)), ("e2e_ms", JSONValue(figures?.e2eMS)),
      ("output_token_count", JSONValue(figures?.outputTokenCount)), ("output", .string(job.output)),
      ("tool_calls", calls(of: job)), ("finish_reason", JSONValue(job.finishReason?.rawValue)),
      ("failure", JSONValue(job.failure)), ("wait_reason", JSONValue(job.waitReason)),
    ])
  }

  /// The answer as a message of OpenAI's; one of calls alone has no content.
  static func message(of job: JobRecord) -> JSONValue {
    guard !job.toolCalls.isEmpty else {
      return .object([("role", "assistant"), ("content", .string(job.output))])
    }
    return .object([
      ("role", "assistant"), ("content", job.output.isEmpty ? .null : .string(job.output)),
      ("tool_calls", calls(of: job)),
    ])
  }

  private static func calls(of job: JobRecord) -> JSONValue {
    .array(
      job.toolCalls.map { call in
        .object([
          ("id", .string(call.id)), ("type", "function"),
          ("function", .object([("name", .string(call.name)), ("arguments", .string(call.arguments))])),
        ])
      })
  }

  private static func time(_ milliseconds: Int64) -> String {
    Date(timeIntervalSince1970: Double(milliseconds) / 1000).formatted(.iso8601)
  }
}

import ArgumentParser
import Foundation
import Messaging
import Serving

/// `apus submit`: one job, streamed to the terminal, or a file of them.
struct SubmitCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "submit",
    abstract: "Run a prompt, or a file of them, on the node and with the strategy the selector chooses.")
  @OptionGroup var options: ClientOptions

  @Option(help: "A model's registered name or the path of its file. With --batch: of all lines, whatever they name.")
  var model: String?
  @Option(parsing: .unconditional, help: "The prompt.") var prompt: String?
  @Option(help: "A file that holds the prompt; - for standard input.") var file: String?
  @Flag(help: "Put the prompt through the model's chat template.") var chat = false
  @Option(
    help: "Most tokens to generate; with --batch, where a line does not say. [default: 128; with --batch as OpenAI's]")
  var maxTokens: Int?
  @Option(help: "0 is greedy; with --batch, where a line does not say. [default: 0; with --batch 1]")
  var temperature: Double?
  @Option(
    help: "Seed of the sampling; with --batch, where a line does not say. [default: 0; with --batch each its own]")
  var seed: UInt64?
  @Option(help: "What to be best at: \(Objective.allCases.map(\.rawValue).joined(separator: ", ")).")
  var objective = "e2e"
  @Option(help: "A limit such as 'ttft:p99<=500ms'; may be repeated.") var slo: [String] = []
  @Flag(help: "Allow methods that may change the output, whatever they lose.") var approximate = false
  @Option(
    help: ArgumentHelp(
      "Allow methods that may change the output if they were measured to lose at most so many nats per token.",
      valueName: "nats"))
  var maxQualityLoss: Double?
  @Flag(help: "Show tokens as they come.") var stream = false
  @Option(parsing: .unconditional, help: "Submitting twice with one key is one job.") var idempotencyKey: String?
  @Option(
    parsing: .unconditional,
    help: "-5 (last) to 5 (first): each step doubles the share of the nodes while there is a queue.")
  var priority: Int?
  @Option(
    help: ArgumentHelp(
      "Milliseconds in which the whole answer is wanted: a job that still waits then fails.",
      valueName: "milliseconds"))
  var deadlineMs: Int?
  @Option(help: "Name of the conversation: its jobs stay where their beginning was read.") var session: String?
  @Option(
    help: ArgumentHelp(
      "Leave the job in the queue, with exit status 75, when no node could run it for so long. [default: wait]",
      valueName: "seconds"))
  var wait: Double?

  @Option(
    help: ArgumentHelp(
      "Run the requests of a file in OpenAI's batch format, one JSON object a line. Run again, the same command goes on "
        + "where it was stopped, and submits nothing twice.", valueName: "file.jsonl"))
  var batch: String?
  @Option(
    help: ArgumentHelp(
      "The batch's results, in the order of its lines. [default: NAME.results.jsonl beside NAME.jsonl]",
      valueName: "file"))
  var output: String?
  @Option(help: "Jobs of the batch at once. [default: twice as many as the connected workers run]")
  var concurrency: Int?
  @Flag(help: "Run nothing of a batch in which a line cannot run.") var strict = false
  @Flag(help: "Try those jobs of the batch again that failed or were cancelled in an earlier run.")
  var retryFailed = false

  private static let defaultTokens = 128

  func run() async throws {
    try checkUse()
    if let batch { return try await submit(batch: batch) }
    let text = try promptText()
    var job = try specification(prompt: text)
    guard let model else { throw ApusError(.usage, "--model is missing", advice: "see `apus model list`") }
    let client = try await options.connect()
    defer { Task { await client.close() } }
    job.model = try await Reference.model(model, client).id
    try await follow(job, client)
  }

  /// Options that mean nothing together.
  private func checkUse() throws(ApusError) {
    if idempotencyKey?.isEmpty == true {
      throw ApusError(.usage, "--idempotency-key is empty", advice: "give a key, or leave it out")
    }
    let ofOne: [(String, Bool)] = [
      ("--prompt", prompt != nil), ("--file", file != nil), ("--chat", chat), ("--stream", stream),
      ("--idempotency-key", idempotencyKey != nil), ("--wait", wait != nil),
    ]
    let ofBatch: [(String, Bool)] = [
      ("--output", output != nil), ("--concurrency", concurrency != nil), ("--strict", strict),
      ("--retry-failed", retryFailed),
    ]
    if let (name, _) = (batch == nil ? ofBatch : ofOne).first(where: \.1) {
      throw ApusError(
        .usage, "\(name) is of no use " + (batch == nil ? "without --batch" : "with --batch"), advice: "leave it out")
    }
  }

  private func submit(batch: String) async throws {
    let common = try specification(prompt: "")
    let client = try await options.connect()
    defer { Task { await client.close() } }
    try await BatchSubmission(
      client: client, path: batch, output: output, model: model, concurrency: concurrency,
      defaults: BatchDefaults(
        maxTokens: maxTokens, temperature: temperature, seed: seed, objective: common.objective, limits: common.limits),
      isStrict: strict, retriesFailed: retryFailed, json: options.json
    ).run()
  }

  /// Ctrl-C cancels the job; one with an idempotency key goes on, for whoever asks with that key again.
  private func follow(_ job: JobSpec, _ client: CoordinatorClient) async throws {
    let (accepted, accept) = AsyncStream.makeStream(of: JobID.self)
    let goesOn = idempotencyKey != nil
    let stream = JobStream(
      isStreaming: stream, json: options.json, patience: wait.map { .seconds($0) },
      accepted: { accept.yield($0) }, giveUp: { await client.giveUp($0) })
    try await Interruption.guarding {
      try await stream.follow(await client.answers(to: .submit(job)))
    } leave: {
      // One that is not accepted yet will be in a moment, or never.
      let patience = Task {
        try await Task.sleep(for: .seconds(20))
        accept.finish()
      }
      for await id in accepted {
        Console.note("\n" + (await goesOn ? Self.leave(id) : Self.cancel(id, client)))
        break
      }
      patience.cancel()
    }
  }

  private static func leave(_ id: JobID) -> String {
    "\(id) goes on: `apus jobs watch \(id)` follows it, `apus jobs cancel \(id)` ends it"
  }

  private static func cancel(_ id: JobID, _ client: CoordinatorClient) async -> String {
    do {
      _ = try await client.ask(.cancelJob(id), timeout: .seconds(20))
      return "cancelled \(id)"
    } catch {
      return "\(id) could not be cancelled: \(error)"
    }
  }

  /// The job without its model, which needs the coordinator.
  private func specification(prompt text: String) throws(ApusError) -> JobSpec {
    let maxTokens = maxTokens ?? Self.defaultTokens
    guard maxTokens >= 1 else {
      throw ApusError(.usage, "--max-tokens \(maxTokens) is not at least 1")
    }
    guard (0...1e9).contains(wait ?? 0) else {
      throw ApusError(.usage, "--wait \(wait ?? 0) is not zero or more seconds")
    }
    if let deadlineMs { try NumberRange.check("--deadline-ms", deadlineMs, 1...604_800_000) }
    let temperature = temperature ?? 0
    guard temperature >= 0, temperature.isFinite else {
      throw ApusError(.usage, "--temperature \(temperature) is not zero or more")
    }
    return JobSpec(
      model: ModelID(""), prompt: chat ? .chat([ChatMessage(role: "user", content: text)]) : .text(text),
      maxTokens: maxTokens, temperature: temperature, seed: seed ?? 0, objective: try QueryOptions.objective(objective),
      limits: Limits(
        slos: try QueryOptions.slos(slo), allowsApproximate: approximate,
        maxQualityLoss: try QueryOptions.qualityLoss(maxQualityLoss)),
      idempotencyKey: idempotencyKey, priority: priority, deadlineMS: deadlineMs, session: session)
  }

  private func promptText() throws(ApusError) -> String {
    switch (prompt, file) {
    case (let prompt?, nil): return prompt
    case (nil, let file?):
      return try InputFile.text(file)
    default: throw ApusError(.usage, "give the prompt with --prompt TEXT or --file FILE (- for standard input)")
    }
  }
}

import ArgumentParser
import Foundation
import Messaging
import Serving

/// `apus submit`: one job, streamed to the terminal.
struct SubmitCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "submit", abstract: "Run a prompt on the node and with the strategy the selector chooses.")
  @OptionGroup var options: ClientOptions

  @Option(help: "A model's registered name or the path of its file.") var model: String
  @Option(help: "The prompt.") var prompt: String?
  @Option(help: "A file that holds the prompt; - for standard input.") var file: String?
  @Flag(help: "Put the prompt through the model's chat template.") var chat = false
  @Option(help: "Most tokens to generate.") var maxTokens = 128
  @Option(help: "0 is greedy.") var temperature = 0.0
  @Option(help: "Seed of the sampling.") var seed: UInt64 = 0
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
  @Option(help: "Submitting twice with one key is one job.") var idempotencyKey: String?
  @Option(
    help: ArgumentHelp(
      "Leave the job in the queue, with exit status 75, when no node could run it for so long. [default: wait]",
      valueName: "seconds"))
  var wait: Double?

  func run() async throws {
    let text = try promptText()
    let spec = try specification(prompt: text)
    let client = try await options.connect()
    defer { Task { await client.close() } }
    var job = spec
    job.model = try await Reference.model(model, client).id
    try await JobStream(
      isStreaming: stream, json: options.json, patience: wait.map { .seconds($0) },
      giveUp: { await client.giveUp($0) }
    ).follow(await client.answers(to: .submit(job)))
  }

  /// The job without its model, which needs the coordinator.
  private func specification(prompt text: String) throws(ApusError) -> JobSpec {
    guard maxTokens >= 1 else {
      throw ApusError(.usage, "--max-tokens \(maxTokens) is not at least 1")
    }
    guard (0...1e9).contains(wait ?? 0) else {
      throw ApusError(.usage, "--wait \(wait ?? 0) is not zero or more seconds")
    }
    guard temperature >= 0, temperature.isFinite else {
      throw ApusError(.usage, "--temperature \(temperature) is not zero or more")
    }
    return JobSpec(
      model: ModelID(""), prompt: chat ? .chat([ChatMessage(role: "user", content: text)]) : .text(text),
      maxTokens: maxTokens, temperature: temperature, seed: seed, objective: try QueryOptions.objective(objective),
      limits: Limits(
        slos: try QueryOptions.slos(slo), allowsApproximate: approximate,
        maxQualityLoss: try QueryOptions.qualityLoss(maxQualityLoss)),
      idempotencyKey: idempotencyKey)
  }

  private func promptText() throws(ApusError) -> String {
    switch (prompt, file) {
    case (let prompt?, nil): return prompt
    case (nil, let file?):
      let data =
        file == "-" ? FileHandle.standardInput.readDataToEndOfFile() : FileManager.default.contents(atPath: file)
      guard let data else {
        throw ApusError(.badInput, "cannot read the prompt file \(file)")
      }
      guard let text = String(validating: data, as: UTF8.self) else {
        throw ApusError(.badInput, "the prompt in \(file) is not UTF-8 text")
      }
      return text
    default: throw ApusError(.usage, "give the prompt with --prompt TEXT or --file FILE (- for standard input)")
    }
  }
}

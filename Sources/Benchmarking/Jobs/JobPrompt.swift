import Engines
import Serving

/// What an engine is asked so that it answers a job, or goes on with an answer that another worker began.
///
/// Going on means: the same prompt with the generated tokens behind it. Where the engine takes token ids it gets exactly
/// those; where an id is not known, or the engine takes text, it gets their text.
struct JobPrompt {
  let client: StreamingClient
  let endpoint: EngineEndpoint

  func request(for job: JobRequest) async throws(RequestFailure) -> GenerationRequest {
    GenerationRequest(
      prompt: try await prompt(for: job), maxTokens: max(1, job.remainingTokens), temperature: job.spec.temperature,
      seed: job.spec.seed, ignoresEndOfSequence: job.spec.ignoresEndOfSequence)
  }

  private func prompt(for job: JobRequest) async throws(RequestFailure) -> GenerationRequest.Prompt {
    switch (endpoint.dialect, job.spec.prompt) {
    case (.llamaCpp, .text(let text)):
      return .tokens(try await tokens(of: text) + (try await generated(job)))
    case (.llamaCpp, .chat(let messages)):
      let text = try await client.applyTemplate(messages, at: endpoint)
      return .tokens(try await tokens(of: text) + (try await generated(job)))
    case (.openAI, .text(let text)):
      return .text(text + job.generatedText)
    case (.openAI, .chat(let messages)):
      let begun = job.generatedText.isEmpty ? [] : [ChatMessage(role: "assistant", content: job.generatedText)]
      return .chat(messages + begun)
    }
  }

  private func tokens(of text: String) async throws(RequestFailure) -> [Int32] {
    try await client.tokenize(text, addingSpecial: true, at: endpoint)
  }

  private func generated(_ job: JobRequest) async throws(RequestFailure) -> [Int32] {
    guard job.generatedTokenIDs.contains(TokenArrival.unknownToken) else { return job.generatedTokenIDs }
    return try await client.tokenize(job.generatedText, addingSpecial: false, at: endpoint)
  }
}

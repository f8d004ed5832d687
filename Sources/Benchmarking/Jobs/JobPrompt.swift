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
      seed: job.spec.seed, ignoresEndOfSequence: job.spec.ignoresEndOfSequence, sampling: job.spec.sampling,
      tools: job.spec.tools)
  }

  private func prompt(for job: JobRequest) async throws(RequestFailure) -> GenerationRequest.Prompt {
    if let schema = job.spec.sampling?.schema, endpoint.dialect == .llamaCpp {
      try await client.checkSchema(schema, at: endpoint)
    }
    if job.spec.usesTools, endpoint.dialect == .llamaCpp { try await client.checkTakesTools(at: endpoint) }
    switch (endpoint.dialect, job.spec.prompt) {
    case (.llamaCpp, .text(let text)), (.vLLM, .text(let text)):
      return try await prompt(text, for: job)
    case (.llamaCpp, .chat(let messages)) where job.spec.tools != nil:
      // The engine shows its model the tools and reads the calls, as its template has them.
      return .chat(messages)
    case (.llamaCpp, .chat(let messages)):
      return try await prompt(try await client.applyTemplate(messages, at: endpoint), for: job)
    case (.openAI, .text(let text)):
      return .text(text + job.generatedText)
    case (.openAI, .chat(let messages)), (.vLLM, .chat(let messages)):
      let begun = job.generatedText.isEmpty ? [] : [ChatMessage(role: "assistant", content: job.generatedText)]
      return .chat(messages + begun)
    }
  }

  /// A fresh answer begins from the text, which the engine reads as it would if asked for the tokens first; not asking
  /// saves a round trip in the time to the first token.
  private func prompt(_ text: String, for job: JobRequest) async throws(RequestFailure) -> GenerationRequest.Prompt {
    guard !job.generatedTokenIDs.isEmpty else { return .text(text) }
    return .tokens(try await tokens(of: text) + (try await generated(job)))
  }

  private func tokens(of text: String) async throws(RequestFailure) -> [Int32] {
    try await client.tokenize(text, addingSpecial: true, at: endpoint)
  }

  private func generated(_ job: JobRequest) async throws(RequestFailure) -> [Int32] {
    guard job.generatedTokenIDs.contains(TokenArrival.unknownToken) else { return job.generatedTokenIDs }
    return try await client.tokenize(job.generatedText, addingSpecial: false, at: endpoint)
  }
}

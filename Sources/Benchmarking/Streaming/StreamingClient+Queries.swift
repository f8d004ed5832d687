public import Engines
public import Serving

/// The small questions an engine answers at once.
extension StreamingClient {
  /// Token ids of a text. Special tokens written in the text (`<|im_end|>`) count as such, as the engine itself does
  /// with the text of a request.
  ///
  /// - Parameter addingSpecial: puts the model's own tokens around it, as at the beginning of a prompt.
  public func tokenize(
    _ text: String, addingSpecial: Bool, at endpoint: EngineEndpoint
  ) async throws(RequestFailure) -> [Int32] {
    struct LlamaCppQuestion: Encodable {
      var content: String
      var addsSpecial: Bool
      var parsesSpecial = true

      private enum CodingKeys: String, CodingKey {
        case content
        case addsSpecial = "add_special"
        case parsesSpecial = "parse_special"
      }
    }
    struct VLLMQuestion: Encodable {
      var model: String
      var prompt: String
      var addsSpecial: Bool

      private enum CodingKeys: String, CodingKey {
        case model, prompt
        case addsSpecial = "add_special_tokens"
      }
    }
    struct Answer: Decodable { var tokens: [Int32] }
    let url = endpoint.baseURL + "/tokenize"
    let answer: Answer =
      switch endpoint.dialect {
      case .llamaCpp: try await ask(LlamaCppQuestion(content: text, addsSpecial: addingSpecial), at: url)
      case .vLLM:
        try await ask(
          VLLMQuestion(model: endpoint.servedModel ?? "default", prompt: text, addsSpecial: addingSpecial), at: url)
      case .openAI: throw .invalidAnswer("OpenAI's routes cannot be asked for tokens")
      }
    return answer.tokens
  }

  /// The text a chat becomes through the model's template, ready to be answered.
  public func applyTemplate(
    _ messages: [ChatMessage], at endpoint: EngineEndpoint
  ) async throws(RequestFailure) -> String {
    struct Question: Encodable { var messages: [ChatMessage] }
    struct Answer: Decodable { var prompt: String }
    let answer: Answer = try await ask(Question(messages: messages), at: endpoint.baseURL + "/apply-template")
    return answer.prompt
  }

  /// Refuses a schema that the engine cannot read: its route of completions would leave it out without a word, while that
  /// of templates says what is wrong.
  func checkSchema(_ schema: String, at endpoint: EngineEndpoint) async throws(RequestFailure) {
    struct Question: Encodable { var messages = [ChatMessage(role: "user", content: "x")] }
    struct Answer: Decodable {}
    let question = try JSONBody.encode(Question(), adding: "json_schema", schema)
    let _: Answer = try await answer(to: .post(question, to: endpoint.baseURL + "/apply-template"))
  }

  /// Refuses tools for a model whose chat template has no place for them: llama.cpp would leave them out without a word.
  ///
  /// Servers of before 2026 say nothing of their template, and are taken to know tools.
  func checkTakesTools(at endpoint: EngineEndpoint) async throws(RequestFailure) {
    struct Abilities: Decodable {
      var takesTools: Bool?
      var takesCalls: Bool?

      private enum CodingKeys: String, CodingKey {
        case takesTools = "supports_tools"
        case takesCalls = "supports_tool_calls"
      }
    }
    struct Properties: Decodable {
      var template: Abilities?

      private enum CodingKeys: String, CodingKey { case template = "chat_template_caps" }
    }
    let properties: Properties = try await answer(to: .get(endpoint.baseURL + "/props"))
    guard properties.template?.takesTools == false || properties.template?.takesCalls == false else { return }
    throw .toolsRefused("the model's chat template has no place for tools; take a model that was made for them")
  }

  /// Tokens to make prompts of: what the model's tokenizer makes of the built-in words.
  public func tokenSource(
    at endpoint: EngineEndpoint, editDocument: [Int32]? = nil
  ) async throws(RequestFailure) -> TokenSource {
    let text = WordList.words.joined(separator: " ")
    let source = TokenSource(
      withSpecial: try await tokenize(text, addingSpecial: true, at: endpoint),
      withoutSpecial: try await tokenize(text, addingSpecial: false, at: endpoint), editDocument: editDocument)
    guard let source else { throw .invalidAnswer("its tokenizer makes fewer than 32 tokens of all English words") }
    return source
  }

  /// The name an OpenAI-dialect engine serves its first model under.
  public func servedModel(at endpoint: EngineEndpoint) async throws(RequestFailure) -> String {
    guard let model = try await servedModels(baseURL: endpoint.baseURL, key: endpoint.apiKey).first else {
      throw .invalidAnswer("the engine serves no model")
    }
    return model.name
  }

  /// One entry of `/v1/models`.
  public struct ServedName: Hashable, Sendable {
    public var name: String
    /// Whose server says so, such as `vllm` or `llamacpp`; empty where it does not say.
    public var owner: String
    /// Longest context in tokens; 0 where it does not say (`max_model_len` is vLLM's and SGLang's).
    public var contextLength: Int
  }

  /// Models of one server that are looked at; more are left out.
  static let mostServedModels = 256

  /// What a server serves, in its order. Names that are empty, longer than 512 bytes or hold control characters are left out.
  public func servedModels(baseURL: String, key: APIKey?) async throws(RequestFailure) -> [ServedName] {
    struct Model: Decodable {
      var id: String
      var owner: String?
      var contextLength: Int?

      private enum CodingKeys: String, CodingKey {
        case id
        case owner = "owned_by"
        case contextLength = "max_model_len"
      }
    }
    struct Answer: Decodable { var data: [Model] }
    let answer: Answer = try await answer(to: .get(baseURL + "/v1/models", key: key))
    return answer.data.prefix(Self.mostServedModels).filter { model in
      !model.id.isEmpty && model.id.utf8.count <= 512 && model.id.utf8.allSatisfy { $0 >= 32 && $0 != 127 }
    }.map { model in
      ServedName(
        name: model.id, owner: String((model.owner ?? "").prefix(64)),
        contextLength: model.contextLength.map { (1...1 << 30).contains($0) ? $0 : 0 } ?? 0)
    }
  }

  /// The version a server gives at `/version` (vLLM, SGLang, TensorRT-LLM); nil where it has no such route.
  public func version(baseURL: String, key: APIKey?) async -> String? {
    struct Answer: Decodable { var version: String }
    let answer: Answer? = try? await answer(to: .get(baseURL + "/version", key: key))
    return answer.map { String($0.version.prefix(64)) }
  }

  /// How llama.cpp's server says it is set up, at `/props` and `/slots`.
  package func shape(at endpoint: EngineEndpoint) async throws(RequestFailure) -> EngineShape {
    struct Properties: Decodable {
      var slotCount: Int

      private enum CodingKeys: String, CodingKey { case slotCount = "total_slots" }
    }
    struct Slot: Decodable {
      var contextTokens: Int
      var isSpeculating: Bool?

      private enum CodingKeys: String, CodingKey {
        case contextTokens = "n_ctx"
        case isSpeculating = "speculative"
      }
    }
    let properties: Properties = try await answer(to: .get(endpoint.baseURL + "/props"))
    let slots: [Slot] = try await answer(to: .get(endpoint.baseURL + "/slots"))
    return EngineShape(
      slotCount: properties.slotCount, contextTokens: slots.map(\.contextTokens).min(),
      isSpeculating: slots.first?.isSpeculating)
  }

  /// The counters the engine keeps for Prometheus.
  func counters(at endpoint: EngineEndpoint) async throws(RequestFailure) -> PrometheusText {
    try await exchange(.get(endpoint.baseURL + "/metrics")) { answer, _, _ async throws(RequestFailure) in
      PrometheusText(try await Self.collect(answer, limitBytes: PrometheusText.byteLimit))
    }
  }

  func ask<Answer: Decodable & Sendable>(
    _ question: some Encodable, at url: String
  ) async throws(RequestFailure) -> Answer {
    try await answer(to: .post(try JSONBody.encode(question), to: url))
  }

  private func answer<Answer: Decodable & Sendable>(to request: EngineRequest) async throws(RequestFailure) -> Answer {
    let limit = limits.lineBytes
    return try await exchange(request) { answer, _, _ async throws(RequestFailure) -> Answer in
      try JSONBody.decode(try await Self.collect(answer, limitBytes: limit))
    }
  }
}

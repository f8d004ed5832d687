import FoundationEssentials
import Serving

/// The body of `/v1/chat/completions` or `/v1/completions`, with Apus's own wishes under `apus`.
///
/// Fields that would change the answer and that no job carries are refused by name, not ignored.
struct CompletionRequest: Decodable, Sendable {
  var model: String
  var messages: [Message]?
  var prompt: PromptField?
  var maxTokens: Int?
  var maxCompletionTokens: Int?
  var temperature: Double?
  var topP: Double?
  var choiceCount: Int?
  var isStreamed: Bool?
  var streamOptions: StreamOptions?
  var stop: StopField?
  var seed: Int64?
  var logprobs: LogprobsField?
  var topLogprobs: Int?
  var wishes: Wishes?
  var responseFormat: ResponseFormat?
  /// JSON Schema that the answer must conform to, as it was written.
  private(set) var schema: String?
  private var unsupported: Unsupported

  struct Message: Decodable, Sendable {
    var role: String
    var content: Content
  }

  /// A text, or parts that are texts.
  enum Content: Decodable, Sendable {
    case text(String)

    private struct Part: Decodable {
      var type: String
      var text: String?
    }

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let text = try? container.decode(String.self) {
        self = .text(text)
        return
      }
      let parts = try container.decode([Part].self)
      for part in parts where part.type != "text" || part.text == nil {
        throw OpenAIError.bad("messages", "a content part is of type \(part.type); only text can be read")
      }
      self = .text(parts.compactMap(\.text).joined())
    }

    var text: String {
      switch self {
      case .text(let text): text
      }
    }
  }

  enum PromptField: Decodable, Sendable {
    case text(String)

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let text = try? container.decode(String.self) {
        self = .text(text)
      } else if let texts = try? container.decode([String].self) {
        guard texts.count == 1 else {
          throw OpenAIError.bad("prompt", "\(texts.count) prompts in one request; send one request for each")
        }
        self = .text(texts[0])
      } else {
        throw OpenAIError.bad("prompt", "the prompt is no text; token ids are not taken here")
      }
    }
  }

  enum StopField: Decodable, Sendable {
    case texts([String])

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let text = try? container.decode(String.self) {
        self = .texts([text])
      } else {
        self = .texts(try container.decode([String].self))
      }
    }
  }

  /// Of a chat whether they are wanted, of a completion how many.
  enum LogprobsField: Decodable, Sendable {
    case flag(Bool)
    case count(Int)

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let flag = try? container.decode(Bool.self) {
        self = .flag(flag)
      } else {
        self = .count(try container.decode(Int.self))
      }
    }
  }

  struct StreamOptions: Decodable, Sendable {
    var includesUsage: Bool?

    private enum CodingKeys: String, CodingKey { case includesUsage = "include_usage" }
  }

  struct ResponseFormat: Decodable, Sendable {
    enum Kind: String, Decodable, Sendable {
      case text
      case object = "json_object"
      case schema = "json_schema"
    }

    var kind: Kind

    private enum CodingKeys: String, CodingKey { case kind = "type" }

    init(from decoder: any Decoder) throws {
      let word = try decoder.container(keyedBy: CodingKeys.self).decode(String.self, forKey: .kind)
      guard let kind = Kind(rawValue: word) else {
        throw OpenAIError.bad("response_format", "there is no type \(word); there are text, json_object, json_schema")
      }
      self.kind = kind
    }
  }

  /// What Apus can be asked beyond OpenAI's fields.
  struct Wishes: Decodable, Sendable {
    var objective: String?
    var limits: [String]?
    var maxQualityLoss: Double?
    var idempotencyKey: String?
    var priority: Int?
    var deadlineMS: Int?
    var session: String?

    private enum CodingKeys: String, CodingKey {
      case objective, priority, session
      case deadlineMS = "deadline_ms"
      case limits = "slo"
      case maxQualityLoss = "max_quality_loss"
      case idempotencyKey = "idempotency_key"
    }
  }

  /// Fields that are refused unless they say nothing.
  private struct Unsupported: Sendable {
    var field: String?
  }

  private enum CodingKeys: String, CodingKey, CaseIterable {
    case model, messages, prompt, temperature, stop, seed, logprobs, tools, functions
    case maxTokens = "max_tokens"
    case maxCompletionTokens = "max_completion_tokens"
    case topP = "top_p"
    case choiceCount = "n"
    case isStreamed = "stream"
    case streamOptions = "stream_options"
    case wishes = "apus"
    case topLogprobs = "top_logprobs"
    case responseFormat = "response_format"
    case frequencyPenalty = "frequency_penalty"
    case presencePenalty = "presence_penalty"
    case logitBias = "logit_bias"
    case bestOf = "best_of"
    case suffix, echo
  }

  init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    model = try values.decode(String.self, forKey: .model)
    messages = try values.decodeIfPresent([Message].self, forKey: .messages)
    prompt = try values.decodeIfPresent(PromptField.self, forKey: .prompt)
    maxTokens = try values.decodeIfPresent(Int.self, forKey: .maxTokens)
    maxCompletionTokens = try values.decodeIfPresent(Int.self, forKey: .maxCompletionTokens)
    temperature = try values.decodeIfPresent(Double.self, forKey: .temperature)
    topP = try values.decodeIfPresent(Double.self, forKey: .topP)
    choiceCount = try values.decodeIfPresent(Int.self, forKey: .choiceCount)
    isStreamed = try values.decodeIfPresent(Bool.self, forKey: .isStreamed)
    streamOptions = try values.decodeIfPresent(StreamOptions.self, forKey: .streamOptions)
    stop = try values.decodeIfPresent(StopField.self, forKey: .stop)
    seed = try values.decodeIfPresent(Int64.self, forKey: .seed)
    logprobs = try values.decodeIfPresent(LogprobsField.self, forKey: .logprobs)
    topLogprobs = try values.decodeIfPresent(Int.self, forKey: .topLogprobs)
    wishes = try values.decodeIfPresent(Wishes.self, forKey: .wishes)
    responseFormat = try values.decodeIfPresent(ResponseFormat.self, forKey: .responseFormat)
    unsupported = Unsupported(field: Self.unsupportedField(values))
  }

  private static func unsupportedField(_ values: KeyedDecodingContainer<CodingKeys>) -> String? {
    struct Format: Decodable { var type: String }
    func says<Value: Decodable>(_ key: CodingKeys, _ type: Value.Type, unless isSilent: (Value) -> Bool) -> Bool {
      guard values.contains(key), (try? values.decodeNil(forKey: key)) == false else { return false }
      return (try? values.decode(type, forKey: key)).map { !isSilent($0) } ?? true
    }
    let said: [(CodingKeys, Bool)] = [
      (.tools, says(.tools, [Format].self, unless: \.isEmpty)),
      (.functions, says(.functions, [Format].self, unless: \.isEmpty)),
      (.frequencyPenalty, says(.frequencyPenalty, Double.self) { $0 == 0 }),
      (.presencePenalty, says(.presencePenalty, Double.self) { $0 == 0 }),
      (.logitBias, says(.logitBias, [String: Double].self, unless: \.isEmpty)),
      (.bestOf, says(.bestOf, Int.self) { $0 == 1 }), (.suffix, says(.suffix, String.self, unless: \.isEmpty)),
      (.echo, says(.echo, Bool.self) { !$0 }),
    ]
    return said.first { $0.1 }?.0.rawValue
  }

  /// Reads a body.
  ///
  /// - Throws: an `OpenAIError` that names the field.
  static func read(_ body: some Collection<UInt8>) throws(OpenAIError) -> CompletionRequest {
    let bytes = Data(body)
    guard String(validating: bytes, as: UTF8.self) != nil else {
      throw .bad(nil, "the body is not valid UTF-8", code: "invalid_json")
    }
    var request: CompletionRequest
    do {
      request = try JSONDecoder().decode(CompletionRequest.self, from: bytes)
    } catch let error as OpenAIError {
      throw error
    } catch let error as DecodingError {
      throw Self.fault(error)
    } catch {
      throw .bad(nil, "the body is not JSON: \(error)", code: "invalid_json")
    }
    if let field = request.unsupported.field {
      throw .bad(field, "\(field) is not supported here; leave it out", code: "unsupported_parameter")
    }
    request.schema = try request.schema(in: bytes)
    return request
  }

  /// Any object, or what conforms to the schema of the body.
  private func schema(in body: Data) throws(OpenAIError) -> String? {
    switch responseFormat?.kind {
    case nil, .text: return nil
    case .object: return #"{"type":"object"}"#
    case .schema:
      let path = ["response_format", "json_schema", "schema"]
      let found = path.reduce(Optional(ArraySlice(body))) { json, name in
        json.flatMap { RawJSON.value(of: name, in: $0) }
      }
      guard let found, found.first == UInt8(ascii: "{") else {
        throw .bad(
          path.joined(separator: "."), "there is no schema; give a JSON Schema, an object", code: "missing_field")
      }
      return String(decoding: found, as: UTF8.self)
    }
  }

  private static func fault(_ error: DecodingError) -> OpenAIError {
    func name(_ path: [any CodingKey]) -> String? {
      let name = path.map { $0.intValue.map { "[\($0)]" } ?? ".\($0.stringValue)" }.joined().drop { $0 == "." }
      return name.isEmpty ? nil : String(name)
    }
    func refusal(_ path: [any CodingKey], _ what: String, _ code: String) -> OpenAIError {
      let field = name(path)
      return .bad(field, "\(field.map { "the field \($0)" } ?? "the body") \(what)", code: code)
    }
    switch error {
    case .keyNotFound(let key, let context): return refusal(context.codingPath + [key], "is missing", "missing_field")
    case .typeMismatch(let type, let context): return refusal(context.codingPath, "is not a \(type)", "wrong_type")
    case .valueNotFound(let type, let context):
      return refusal(context.codingPath, "is null, not a \(type)", "wrong_type")
    case .dataCorrupted(let context) where context.codingPath.isEmpty:
      return .bad(nil, "the body is not JSON", code: "invalid_json")
    case .dataCorrupted(let context):
      return refusal(context.codingPath, "cannot be read: \(context.debugDescription)", "wrong_type")
    @unknown default: return .bad(nil, "the body cannot be read", code: "invalid_json")
    }
  }
}

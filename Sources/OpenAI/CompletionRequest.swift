import FoundationEssentials
import Serving

/// The body of `/v1/chat/completions` or `/v1/completions`, with Apus's own wishes under `apus`.
package struct CompletionRequest: Decodable, Sendable {
  /// Nil where the body names none.
  package var model: String?
  var messages: [Message]?
  var prompt: PromptField?
  var maxTokens: Int?
  var maxCompletionTokens: Int?
  var temperature: Double?
  var topP: Double?
  var frequencyPenalty: Double?
  var presencePenalty: Double?
  /// Answers wanted of each prompt; nil for one.
  package var choiceCount: Int?
  package var isStreamed: Bool?
  package var streamOptions: StreamOptions?
  var stop: StopField?
  var seed: Int64?
  var logprobs: LogprobsField?
  var topLogprobs: Int?
  private var responseFormat: ResponseFormat?
  /// JSON Schema that the answer must conform to, as it was written.
  private(set) var schema: String?
  private var toolRequest: ToolRequest
  /// What the answer may call; nil for nothing.
  private(set) var tools: Tools?
  package var wishes: Wishes?
  private var unsupported: String?

  /// Texts to go on with; one where it is a chat.
  package var promptCount: Int { prompt?.texts.count ?? 1 }

  /// Whether log-probabilities are asked for.
  package var wantsLogprobs: Bool {
    switch logprobs {
    case nil, .flag(false): false
    case .flag(true), .count: true
    }
  }

  private enum CodingKeys: String, CodingKey {
    case model, messages, prompt, temperature, stop, seed, logprobs
    case maxTokens = "max_tokens"
    case maxCompletionTokens = "max_completion_tokens"
    case topP = "top_p"
    case frequencyPenalty = "frequency_penalty"
    case presencePenalty = "presence_penalty"
    case choiceCount = "n"
    case isStreamed = "stream"
    case streamOptions = "stream_options"
    case topLogprobs = "top_logprobs"
    case responseFormat = "response_format"
    case wishes = "apus"
  }

  package init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    model = try values.decodeIfPresent(String.self, forKey: .model)
    messages = try values.decodeIfPresent([Message].self, forKey: .messages)
    prompt = try values.decodeIfPresent(PromptField.self, forKey: .prompt)
    maxTokens = try values.number(Int.self, forKey: .maxTokens)
    maxCompletionTokens = try values.number(Int.self, forKey: .maxCompletionTokens)
    temperature = try values.number(Double.self, forKey: .temperature)
    topP = try values.number(Double.self, forKey: .topP)
    frequencyPenalty = try values.number(Double.self, forKey: .frequencyPenalty)
    presencePenalty = try values.number(Double.self, forKey: .presencePenalty)
    choiceCount = try values.number(Int.self, forKey: .choiceCount)
    isStreamed = try values.decodeIfPresent(Bool.self, forKey: .isStreamed)
    streamOptions = try values.decodeIfPresent(StreamOptions.self, forKey: .streamOptions)
    stop = try values.decodeIfPresent(StopField.self, forKey: .stop)
    seed = try values.number(Int64.self, forKey: .seed)
    logprobs = try values.decodeIfPresent(LogprobsField.self, forKey: .logprobs)
    topLogprobs = try values.number(Int.self, forKey: .topLogprobs)
    responseFormat = try values.decodeIfPresent(ResponseFormat.self, forKey: .responseFormat)
    toolRequest = try ToolRequest(from: decoder)
    wishes = try values.decodeIfPresent(Wishes.self, forKey: .wishes)
    unsupported = UnsupportedField.first(of: try decoder.container(keyedBy: FieldName.self))
  }

  /// Reads a body.
  ///
  /// - Throws: a refusal that names the field.
  package static func read(_ body: some Collection<UInt8>) throws(RequestRefusal) -> CompletionRequest {
    let bytes = Data(body)
    guard String(validating: bytes, as: UTF8.self) != nil else {
      throw RequestRefusal(nil, "the body is not valid UTF-8", code: "invalid_json")
    }
    var request: CompletionRequest
    do {
      request = try JSONDecoder().decode(CompletionRequest.self, from: bytes)
    } catch let refusal as RequestRefusal {
      throw refusal
    } catch let error as DecodingError {
      throw RequestRefusal(error)
    } catch {
      throw RequestRefusal(nil, "the body is not JSON: \(error)", code: "invalid_json")
    }
    if let field = request.unsupported {
      throw RequestRefusal(field, "\(field) is not supported here; leave it out", code: "unsupported_parameter")
    }
    request.schema = try request.schema(in: bytes)
    request.tools = try request.toolRequest.tools(in: bytes)
    return request
  }

  /// Any object, or what conforms to the schema of the body.
  private func schema(in body: Data) throws(RequestRefusal) -> String? {
    switch responseFormat?.kind {
    case nil, .text: return nil
    case .object: return #"{"type":"object"}"#
    case .schema:
      let path = ["response_format", "json_schema", "schema"]
      let found = path.reduce(Optional(ArraySlice(body))) { json, name in
        json.flatMap { RawJSON.value(of: name, in: $0) }
      }
      guard let found, found.first == UInt8(ascii: "{") else {
        throw RequestRefusal(
          path.joined(separator: "."), "there is no schema; give a JSON Schema, an object", code: "missing_field")
      }
      return String(decoding: found, as: UTF8.self)
    }
  }
}

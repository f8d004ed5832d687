import Foundation
import OpenAI
import Serving

/// One request of a batch, as OpenAI's batch format writes it:
/// `{"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "m", "messages": [...]}}`.
struct BatchRequest {
  enum Route: String, CaseIterable, Sendable {
    case chat = "/v1/chat/completions"
    case text = "/v1/completions"
  }

  var customID: String
  var route: Route
  private var body: CompletionRequest

  /// Nil when the line names none.
  var model: String? { body.model }

  private static let longestID = 512

  /// - Parameter bytes: of the line.
  init(_ bytes: [UInt8]) throws(BatchFault) {
    guard String(validating: bytes, as: UTF8.self) != nil else {
      throw BatchFault("it is not UTF-8 text", advice: "write the file as UTF-8")
    }
    let envelope: Envelope
    do {
      envelope = try JSONDecoder().decode(Envelope.self, from: Data(bytes))
    } catch {
      throw BatchFault(
        "it is no JSON object (\(Self.words(error)))",
        advice: "write one object a line, with custom_id, method, url and body")
    }
    do throws(BatchFault) {
      try self.init(envelope, body: RawJSON.value(of: "body", in: bytes[...]))
    } catch {
      var fault = error
      fault.customID = envelope.customID
      throw fault
    }
  }

  private init(_ envelope: Envelope, body: ArraySlice<UInt8>?) throws(BatchFault) {
    guard let customID = envelope.customID, !customID.isEmpty, customID.utf8.count <= Self.longestID else {
      throw BatchFault(
        "it is missing, or no text of 1 to \(Self.longestID) bytes", advice: "give each line a custom_id of its own",
        field: "custom_id")
    }
    guard envelope.method == "POST" else {
      throw BatchFault("it is \(envelope.method ?? "missing, or no text")", advice: "write POST", field: "method")
    }
    guard let route = Route(rawValue: envelope.url ?? "") else {
      throw BatchFault(
        "it is \(envelope.url ?? "missing, or no text")",
        advice: "use \(Route.allCases.map(\.rawValue).joined(separator: " or "))", field: "url")
    }
    if let name = envelope.others.first { throw BatchFault("it is not known", advice: "leave it out", field: name) }
    guard let body, body.first == UInt8(ascii: "{") else {
      throw BatchFault("it is missing or no object", advice: "put the request there", field: "body")
    }
    self.customID = customID
    self.route = route
    do throws(RequestRefusal) {
      self.body = try .read(body)
    } catch {
      throw BatchFault(error)
    }
    try checkIsOneLine()
    // Whatever is wrong with it on any model.
    _ = try job(on: .unknown(ModelID("any")), key: "", CompletionDefaults(seed: 0))
  }

  /// What an HTTP client may ask for and a line of results cannot hold.
  private func checkIsOneLine() throws(BatchFault) {
    if let count = body.choiceCount, count != 1 {
      throw BatchFault("it is \(count)", advice: "write a line for each answer", field: "body.n")
    }
    if body.promptCount > 1 {
      throw BatchFault("there are \(body.promptCount)", advice: "write a line for each prompt", field: "body.prompt")
    }
    if body.isStreamed == true { throw BatchFault("it is true", advice: "leave it out", field: "body.stream") }
    if body.wantsLogprobs {
      throw BatchFault(
        "log-probabilities are not kept for a batch", advice: "ask `apus gateway` for them", field: "body.logprobs")
    }
    if body.wishes?.idempotencyKey != nil {
      throw BatchFault("a line is one job by itself", advice: "leave it out", field: "body.apus.idempotency_key")
    }
  }

  /// The job that answers it.
  ///
  /// - Parameter defaults: where the line does not say.
  func job(on model: ModelProfile, key: String, _ defaults: CompletionDefaults) throws(BatchFault) -> JobSpec {
    do throws(RequestRefusal) {
      return try body.jobs(model, isChat: route == .chat, key: key, defaults: defaults)[0]
    } catch {
      var fault = BatchFault(error)
      fault.customID = customID
      throw fault
    }
  }

  /// The line around the request. What is of another type is as good as missing.
  private struct Envelope: Decodable {
    var customID: String?
    var method: String?
    var url: String?
    /// Names that do not belong here.
    var others: [String]

    private enum CodingKeys: String, CodingKey {
      case customID = "custom_id"
      case method, url, body
    }

    private struct Name: CodingKey {
      var stringValue: String
      var intValue: Int? { nil }

      init(stringValue: String) { self.stringValue = stringValue }
      init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
      let values = try decoder.container(keyedBy: CodingKeys.self)
      customID = try? values.decodeIfPresent(String.self, forKey: .customID)
      method = try? values.decodeIfPresent(String.self, forKey: .method)
      url = try? values.decodeIfPresent(String.self, forKey: .url)
      let names = try decoder.container(keyedBy: Name.self).allKeys.map(\.stringValue)
      others = names.filter { CodingKeys(rawValue: $0) == nil }.sorted()
    }
  }

  private static func words(_ error: any Error) -> String {
    guard case DecodingError.dataCorrupted(let context) = error else { return "it is of another type" }
    let cause = (context.underlyingError as NSError?)?.userInfo[NSDebugDescriptionErrorKey] as? String
    return cause ?? context.debugDescription
  }
}

extension BatchFault {
  fileprivate init(_ refusal: RequestRefusal) {
    self.init(
      refusal.message, advice: "", field: (["body"] + [refusal.param].compactMap(\.self)).joined(separator: "."))
  }
}

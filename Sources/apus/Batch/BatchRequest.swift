import Foundation
import Serving

/// One request of a batch, as OpenAI's batch format writes it:
/// `{"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "m", "messages": [...]}}`.
///
/// What a job cannot carry is refused and never dropped in silence: an answer made with other options than asked for is
/// worse than none.
struct BatchRequest: Hashable {
  enum Route: String, CaseIterable, Sendable {
    case chat = "/v1/chat/completions"
    case text = "/v1/completions"
  }

  var customID: String
  var route: Route
  /// Nil when the line names none.
  var model: String?
  var prompt: Prompt
  /// Nil, as the next two, when the line does not say.
  var maxTokens: Int?
  var temperature: Double?
  var seed: UInt64?
  /// Nil when the line asks for nothing of it.
  var sampling: Sampling?

  private static let longestID = 512

  /// - Parameter bytes: of the line.
  init(_ bytes: [UInt8]) throws(BatchFault) {
    guard String(validating: bytes, as: UTF8.self) != nil else {
      throw BatchFault("it is not UTF-8 text", advice: "write the file as UTF-8")
    }
    let line: Line
    do {
      line = try JSONDecoder().decode(Line.self, from: Data(bytes))
    } catch {
      throw BatchFault(
        "it is no JSON object (\(Self.words(error)))",
        advice: "write one object a line, with custom_id, method, url and body")
    }
    self = try line.request.get()
  }

  /// Decoded even when its request is wrong, so that the fault carries the line's name.
  private struct Line: Decodable {
    var request: Result<BatchRequest, BatchFault>

    init(from decoder: any Decoder) throws {
      let fields = try decoder.container(keyedBy: Name.self)
      let customID = try? fields.decodeIfPresent(String.self, forKey: "custom_id")
      do throws(BatchFault) {
        request = .success(try BatchRequest(fields, customID: customID))
      } catch {
        var fault = error
        fault.customID = customID
        request = .failure(fault)
      }
    }
  }

  private init(_ fields: KeyedDecodingContainer<Name>, customID: String?) throws(BatchFault) {
    guard let customID, !customID.isEmpty, customID.utf8.count <= Self.longestID else {
      throw BatchFault(
        "it is missing, or no text of 1 to \(Self.longestID) bytes", advice: "give each line a custom_id of its own",
        field: "custom_id")
    }
    self.customID = customID
    let method: String? = try Self.value(fields, "method", "POST")
    guard method == "POST" else {
      throw BatchFault("it is \(method ?? "missing")", advice: "write POST", field: "method")
    }
    let url: String? = try Self.value(fields, "url", Route.chat.rawValue)
    guard let route = Route(rawValue: url ?? "") else {
      throw BatchFault(
        "it is \(url ?? "missing")", advice: "use \(Route.allCases.map(\.rawValue).joined(separator: " or "))",
        field: "url")
    }
    self.route = route
    for name in fields.allKeys where !["custom_id", "method", "url", "body"].contains(name.stringValue) {
      throw BatchFault("it is not known", advice: "leave it out", field: name.stringValue)
    }
    guard let body = try? fields.nestedContainer(keyedBy: Name.self, forKey: "body") else {
      throw BatchFault("it is missing or no object", advice: "put the request there", field: "body")
    }
    try BatchFields.check(body, route: route)
    model = try Self.value(body, "model", "the name of a model", in: "body.")
    prompt = try BatchPrompt.read(body, route: route)
    maxTokens = try Self.tokens(body)
    temperature = try Self.value(body, "temperature", "0 (greedy) or more", in: "body.")
    if let temperature, !(temperature >= 0 && temperature.isFinite) {
      throw BatchFault("it is \(temperature)", advice: "give 0 (greedy) or more", field: "body.temperature")
    }
    let seed: Int? = try Self.value(body, "seed", "a whole number", in: "body.")
    if let seed, seed < 0 {
      throw BatchFault("it is \(seed)", advice: "give a whole number from 0 on", field: "body.seed")
    }
    self.seed = seed.map { UInt64($0) }
    sampling = try Self.sampling(body)
  }

  private static func sampling(_ body: KeyedDecodingContainer<Name>) throws(BatchFault) -> Sampling? {
    let share: Double? = try value(body, "top_p", "a number above 0, at most 1", in: "body.")
    if let share, !(share > 0 && share <= 1) {
      throw BatchFault("it is \(share)", advice: "give more than 0 and at most 1", field: "body.top_p")
    }
    var stop: [String]?
    if let one = try? body.decodeIfPresent(String.self, forKey: "stop") {
      stop = [one]
    } else {
      stop = try value(body, "stop", "a text, or at most four", in: "body.")
    }
    if let stop, stop.count > 4 || stop.contains(where: \.isEmpty) {
      throw BatchFault(
        "it is \(stop.count) texts, or one is empty", advice: "give at most four that are not", field: "body.stop")
    }
    guard share != nil || stop?.isEmpty == false else { return nil }
    return Sampling(stop: stop ?? [], topP: share)
  }

  /// `max_completion_tokens` is the newer name of `max_tokens`.
  private static func tokens(_ body: KeyedDecodingContainer<Name>) throws(BatchFault) -> Int? {
    let newer: Int? = try value(body, "max_completion_tokens", "a whole number", in: "body.")
    let older: Int? = try value(body, "max_tokens", "a whole number", in: "body.")
    let field = newer == nil ? "body.max_tokens" : "body.max_completion_tokens"
    if let newer, let older, newer != older {
      throw BatchFault("max_tokens says \(older), and it says \(newer)", advice: "give one of them", field: field)
    }
    guard let count = newer ?? older else { return nil }
    guard count >= 1 else { throw BatchFault("it is \(count)", advice: "ask for at least 1", field: field) }
    return count
  }

  private static func value<Value: Decodable>(
    _ fields: KeyedDecodingContainer<Name>, _ name: Name, _ wanted: String, in place: String = ""
  ) throws(BatchFault) -> Value? {
    do {
      return try fields.decodeIfPresent(Value.self, forKey: name)
    } catch {
      throw BatchFault("it is of another type", advice: "give \(wanted)", field: place + name.stringValue)
    }
  }

  private static func words(_ error: any Error) -> String {
    guard case DecodingError.dataCorrupted(let context) = error else { return "it is of another type" }
    let cause = (context.underlyingError as NSError?)?.userInfo[NSDebugDescriptionErrorKey] as? String
    return cause ?? context.debugDescription
  }

  /// A field's name.
  struct Name: CodingKey, ExpressibleByStringLiteral {
    var stringValue: String
    var intValue: Int? { nil }

    init(stringLiteral value: String) { stringValue = value }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }
}

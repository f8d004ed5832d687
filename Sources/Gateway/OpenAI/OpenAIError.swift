import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import OpenAI
import Serving

/// A refusal in the shape that OpenAI's clients read: `{"error":{"message","type","param","code"}}`.
struct OpenAIError: HTTPResponseError {
  var status: HTTPResponse.Status
  var message: String
  /// The field of the request that is at fault.
  var param: String?
  var code: String?
  /// When it may be tried again.
  var retryAfterSeconds: Int?
  /// Whether it would end the same again, where OpenAI's clients take its status for one that is to be tried again.
  var isFinal = false
  /// What else the answer says.
  var headers: HTTPFields = [:]

  init(
    _ status: HTTPResponse.Status, _ message: String, param: String? = nil, code: String? = nil,
    retryAfterSeconds: Int? = nil, isFinal: Bool = false, headers: HTTPFields = [:]
  ) {
    self.status = status
    self.message = message
    self.param = param
    self.code = code
    self.retryAfterSeconds = retryAfterSeconds
    self.isFinal = isFinal
    self.headers = headers
  }

  /// A fault of the request itself.
  static func bad(_ param: String?, _ message: String, code: String? = "invalid_value") -> OpenAIError {
    OpenAIError(.badRequest, message, param: param, code: code)
  }

  /// Whatever was thrown, as a client is told.
  init(_ error: any Error) {
    switch error {
    case let error as OpenAIError: self = error
    case let refusal as RequestRefusal:
      self.init(.badRequest, refusal.message, param: refusal.param, code: refusal.code)
    case let error as ApusError: self.init(of: error)
    case is NIOTooManyBytesError: self.init(.contentTooLarge, "the body is too large", code: "body_too_large")
    case is HTTPParserError:
      self.init(.badRequest, "the body broke off, or is not what HTTP says", code: "invalid_body")
    case let error as any HTTPResponseError: self.init(error.status, "\(error)")
    case is CancellationError:
      self.init(.init(code: RequestEnding.clientIsGone, reasonPhrase: "Client Closed Request"), "the client went away")
    default: self.init(.internalServerError, "an error of the gateway's own: \(error)", code: "internal_error")
    }
  }

  private init(of error: ApusError) {
    let text = error.advice.isEmpty ? error.reason : "\(error.reason); \(error.advice)"
    switch error.code {
    case .badInput where error.kind == .contextExceeded:
      self.init(.badRequest, text, code: "context_length_exceeded")
    case .badInput where error.kind == .toolsRefused:
      self.init(.badRequest, text, param: "tools", code: "tools_refused")
    case .usage, .badInput: self.init(.badRequest, text, code: "invalid_value")
    case .tryAgain: self.init(.tooManyRequests, text, code: "queue_full", retryAfterSeconds: 1)
    case .unavailable, .keyRefused: self.init(.serviceUnavailable, text, code: "unavailable", retryAfterSeconds: 5)
    case .disk: self.init(.init(code: 507, reasonPhrase: "Insufficient Storage"), text, code: "disk")
    case .bug: self.init(.internalServerError, text, code: "internal_error")
    }
  }

  private var type: String {
    switch status.code {
    case 401, 403: "authentication_error"
    case 429: "rate_limit_error"
    case 400..<500: "invalid_request_error"
    default: "server_error"
    }
  }

  /// The JSON object, in one line.
  var json: JSONText {
    var text = JSONText()
    text.raw(#"{"error":{"message":"#)
    text.string(message)
    text.raw(#","type":"#)
    text.string(type)
    text.raw(#","param":"#)
    text.optional(param)
    text.raw(#","code":"#)
    text.optional(code)
    text.raw("}}")
    return text
  }

  func response(from request: Request, context: some RequestContext) -> Response {
    var response = Response(json: json, status: status, headers: headers)
    if let retryAfterSeconds { response.headers[.retryAfter] = String(retryAfterSeconds) }
    if isFinal { response.headers[.shouldRetry] = "false" }
    return response
  }
}

extension HTTPField.Name {
  /// OpenAI's clients go by it before the status.
  static let shouldRetry = HTTPField.Name("X-Should-Retry")!
}

extension Response {
  init(json: JSONText, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]) {
    var headers = headers
    headers[.contentType] = "application/json"
    self.init(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: json.bytes)))
  }
}

import Engines
import NIOHTTP1

/// A request to an engine, for a connection of its own.
struct EngineRequest: Sendable {
  var method: HTTPMethod
  var url: String
  var headers: HTTPHeaders
  var body: [UInt8]

  static func get(_ url: String, key: APIKey? = nil) -> EngineRequest {
    // A kept connection may be closed by the engine just when the next request is written (llama.cpp does so after 5
    // idle seconds). A fresh one costs about 0.1 ms on the loopback interface and cannot.
    var headers: HTTPHeaders = ["Connection": "close"]
    if let key { headers.add(name: "Authorization", value: key.authorization) }
    return EngineRequest(method: .GET, url: url, headers: headers, body: [])
  }

  static func post(_ json: [UInt8], to url: String, key: APIKey? = nil) -> EngineRequest {
    var request = get(url, key: key)
    request.method = .POST
    request.headers.add(name: "Content-Type", value: "application/json")
    request.headers.add(name: "Content-Length", value: String(json.count))
    request.body = json
    return request
  }
}

/// The head of an engine's answer, and its body as it comes.
struct EngineAnswer: Sendable {
  var head: HTTPResponseHead
  var body: EngineConnection.Body
}

import Foundation
import FoundationNetworking

/// Talks to a gateway as any HTTP client does.
struct HTTPCaller: Sendable {
  let url: String
  /// The API key that it asks with.
  var key: String?

  /// As many connections and as much patience as a test may need.
  private static let session: URLSession = {
    let configuration = URLSessionConfiguration.ephemeral
    configuration.httpMaximumConnectionsPerHost = 128
    configuration.timeoutIntervalForRequest = 600
    return URLSession(configuration: configuration)
  }()

  struct Answer: Sendable {
    var status: Int
    var headers: [String: String]
    var body: Data

    var json: [String: Any]? { (try? JSONSerialization.jsonObject(with: body)) as? [String: Any] }
    var text: String { String(decoding: body, as: UTF8.self) }
    var error: [String: Any]? { json?["error"] as? [String: Any] }
    /// The events of a stream, without the last.
    var events: [[String: Any]] {
      text.components(separatedBy: "\n\n").compactMap { event in
        guard event.hasPrefix("data: {") else { return nil }
        return (try? JSONSerialization.jsonObject(with: Data(event.dropFirst(6).utf8))) as? [String: Any]
      }
    }
    /// The text of a stream's pieces together.
    var streamed: String {
      events.compactMap { event in
        let choice = (event["choices"] as? [[String: Any]])?.first
        return (choice?["delta"] as? [String: Any])?["content"] as? String ?? choice?["text"] as? String
      }.joined()
    }
    var content: String? {
      let choice = (json?["choices"] as? [[String: Any]])?.first
      return (choice?["message"] as? [String: Any])?["content"] as? String ?? choice?["text"] as? String
    }
  }

  func get(_ path: String) async throws -> Answer { try await send(request(path)) }

  func post(_ path: String, _ body: Data, headers: [String: String] = [:]) async throws -> Answer {
    var request = request(path)
    for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
    request.httpMethod = "POST"
    request.httpBody = body
    return try await send(request)
  }

  func post(_ path: String, _ body: [String: Any]) async throws -> Answer {
    try await post(path, JSONSerialization.data(withJSONObject: body))
  }

  private func request(_ path: String) -> URLRequest {
    var request = URLRequest(url: URL(string: url + path)!, timeoutInterval: 600)
    request.setValue("application/json", forHTTPHeaderField: "Content-Type")
    if let key { request.setValue("Bearer \(key)", forHTTPHeaderField: "Authorization") }
    return request
  }

  private func send(_ request: URLRequest) async throws -> Answer {
    let (data, response) = try await Self.session.data(for: request)
    let http = response as! HTTPURLResponse
    let headers = http.allHeaderFields.map { ("\($0.key)".lowercased(), "\($0.value)") }
    return Answer(status: http.statusCode, headers: Dictionary(headers) { first, _ in first }, body: data)
  }
}

/// Runs `body` with a gateway before a coordinator and a worker that has the checkout's dense model.
///
/// - Parameter prepare: what to do to the state directory before the coordinator starts.
func withGateway(
  _ extra: [String] = [], prepare: (TestCluster) async throws -> Void = { _ in },
  _ body: (TestCluster, HTTPCaller, _ model: String) async throws -> Void
) async throws {
  try await withModels(workers: ["w1"], prepare: prepare) { cluster, model in
    let gateway = try cluster.start("gateway", ["gateway", "--port", "0"] + extra)
    let address = cluster.state + "/gateway.address"
    try await cluster.wait(for: "the gateway", gateway) { FileManager.default.fileExists(atPath: address) }
    let caller = HTTPCaller(url: try String(contentsOfFile: address, encoding: .utf8))
    try await cluster.wait(for: "its coordinator", gateway) { try await caller.get("/ready").status == 200 }
    try await body(cluster, caller, model)
  }
}

/// A chat that always has the same answer.
func chat(_ model: String, _ more: [String: Any] = [:]) -> [String: Any] {
  let body: [String: Any] = [
    "model": model, "messages": [["role": "user", "content": "Once upon a time"]], "temperature": 0, "max_tokens": 24,
  ]
  return body.merging(more) { _, new in new }
}

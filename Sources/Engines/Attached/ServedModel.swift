/// One model of a server that somebody else started: where, under which name, and with which key.
public struct ServedModel: Hashable, Sendable {
  /// Such as `http://10.0.0.5:8000`, without a slash at the end.
  public var baseURL: String
  /// As `/v1/models` names it and requests ask for it.
  public var name: String
  public var apiKey: APIKey?

  public init(baseURL: String, name: String, apiKey: APIKey? = nil) {
    self.baseURL = baseURL
    self.name = name
    self.apiKey = apiKey
  }
}

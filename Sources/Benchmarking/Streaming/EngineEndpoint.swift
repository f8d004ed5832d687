public import Engines

/// Where a running engine answers and in which dialect.
public struct EngineEndpoint: Hashable, Sendable {
  /// Such as `http://127.0.0.1:40123`, without a slash at the end.
  public var baseURL: String
  public var dialect: RequestDialect
  /// The name the engine serves its model under; OpenAI's routes ask for it. Nil as long as nobody asked.
  public var servedModel: String?
  /// For a server that wants one.
  public var apiKey: APIKey?

  public init(baseURL: String, dialect: RequestDialect, servedModel: String? = nil, apiKey: APIKey? = nil) {
    self.baseURL = baseURL.hasSuffix("/") ? String(baseURL.dropLast()) : baseURL
    self.dialect = dialect
    self.servedModel = servedModel
    self.apiKey = apiKey
  }
}

/// Where the gateway listens and what it allows. Whatever could grow has its limit here.
public struct GatewayConfiguration: Hashable, Sendable {
  public var host: String
  /// 0 for any free one.
  public var port: Int
  /// Most bytes of a request's body.
  public var bodyLimitBytes: Int
  /// Requests that are answered at once; more get 429.
  public var requestLimit: Int
  /// Connections that are open at once; more wait until one ends.
  public var connectionLimit: Int
  /// Requests a minute that each API key may make; nil for any number.
  public var requestsPerMinute: Int?
  /// Requests at once that each API key may make; nil for any number.
  public var requestsAtOnce: Int?
  /// How long a job may have no node that can run it before its client gets 503.
  public var patienceSeconds: Int
  /// How long a connection may be silent between requests.
  public var idleSeconds: Int
  /// How long a client may take nothing of an answer before its connection is closed.
  public var stallSeconds: Int
  /// How long what is being answered may go on once the gateway is told to stop.
  public var drainSeconds: Int
  /// Origins whose pages may ask from a browser, such as `https://app.example.org`; `*` for all.
  public var crossOrigins: [String] = []
  /// Nil for plain HTTP.
  public var tls: TLSFiles?

  public init(
    host: String = "127.0.0.1", port: Int = 8080, bodyLimitBytes: Int = 8 << 20, requestLimit: Int = 1024,
    connectionLimit: Int = 4096, requestsPerMinute: Int? = nil, requestsAtOnce: Int? = nil, patienceSeconds: Int = 30,
    idleSeconds: Int = 75, stallSeconds: Int = 60, drainSeconds: Int = 30
  ) {
    self.host = host
    self.port = port
    self.bodyLimitBytes = bodyLimitBytes
    self.requestLimit = requestLimit
    self.connectionLimit = connectionLimit
    self.requestsPerMinute = requestsPerMinute
    self.requestsAtOnce = requestsAtOnce
    self.patienceSeconds = patienceSeconds
    self.idleSeconds = idleSeconds
    self.stallSeconds = stallSeconds
    self.drainSeconds = drainSeconds
  }

  public var scheme: String { tls == nil ? "http" : "https" }

  /// Longest that a request's body may take to come.
  static let bodyLimitSeconds = 30
  /// Most bytes of all headers together.
  static let headerLimitBytes = 64 << 10
  static let headerLimitCount = 200
}

/// Where the certificate chain and its private key are, in PEM.
public struct TLSFiles: Hashable, Sendable {
  public var certificate: String
  public var key: String

  public init(certificate: String, key: String) {
    self.certificate = certificate
    self.key = key
  }
}

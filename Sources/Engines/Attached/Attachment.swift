public import Serving

/// A server the user already runs, as `--attach` and the worker's YAML name it:
/// `NAME=URL[,model=MODEL][,served=NAME][,key=FILE]`.
///
/// Any server with OpenAI's `/v1/models` and `/v1/completions` will do. It is an engine of its own with one
/// configuration, its default: what it was started with is its owner's business.
public struct Attachment: Hashable, Sendable {
  /// What people call it; part of the engine's name.
  public var name: String
  /// Such as `http://10.0.0.5:8000`, without a slash at the end and without `/v1`.
  public var baseURL: String
  /// The model of the worker's library that it serves, by name or the start of its SHA-256. Nil when its models are known
  /// by the names they are served under, and nothing else is known of them.
  public var model: String?
  /// The one served name to use; nil for all, and with `model` for the first.
  public var served: String?
  /// A file whose first line is the API key.
  public var keyFile: String?

  public init(
    name: String, baseURL: String, model: String? = nil, served: String? = nil, keyFile: String? = nil
  ) {
    self.name = name
    self.baseURL = baseURL
    self.model = model
    self.served = served
    self.keyFile = keyFile
  }

  /// - Throws: `usage` naming what is wrong in the text.
  public init(parsing text: String) throws(ApusError) {
    func wrong(_ reason: String) -> ApusError {
      ApusError(
        .usage, "cannot attach `\(text)`: \(reason)",
        advice: "write NAME=http://HOST:PORT, and behind it ,model=MODEL ,served=NAME ,key=FILE where needed")
    }
    let parts = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    let head = parts[0].split(separator: "=", maxSplits: 1).map(String.init)
    guard head.count == 2, head[0].wholeMatch(of: #/[A-Za-z0-9._-]{1,40}/#) != nil else {
      throw wrong("it does not begin with a name of letters, digits, dots and hyphens, and =")
    }
    guard let url = Self.base(of: head[1]) else { throw wrong("\(head[1]) is no http or https address") }
    self.init(name: head[0], baseURL: url)
    for part in parts.dropFirst() {
      let words = part.split(separator: "=", maxSplits: 1).map(String.init)
      guard words.count == 2 else { throw wrong("`\(part)` is not key=value") }
      switch words[0] {
      case "model": model = words[1]
      case "served": served = words[1]
      case "key": keyFile = words[1]
      default: throw wrong("there is no option \(words[0])")
      }
    }
  }

  /// People paste the address their clients use, with `/v1` behind it.
  private static func base(of text: String) -> String? {
    var url = text
    while url.hasSuffix("/") { url.removeLast() }
    if url.hasSuffix("/v1") { url.removeLast(3) }
    return ServerAddress(url) == nil ? nil : url
  }

  /// The host of the address, without brackets; empty where that is none.
  public var host: String { ServerAddress(baseURL)?.host ?? "" }

  /// The port it says, or that of its scheme; 0 where the address is none.
  public var port: UInt16 { UInt16(ServerAddress(baseURL)?.port ?? 0) }

  /// Whether the address is this machine's own loopback.
  public var isLoopback: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }

  /// `NAME@HOST:PORT`: in the history one server is one engine, whoever was attached to it. What is local is local to a
  /// worker.
  public func engineName(on worker: WorkerName) -> EngineName {
    EngineName("\(name)@\(isLoopback ? worker.rawValue : host):\(port)")
  }

  /// A model that is known by its served name alone. The id is made of engine and name, so that it is the same tomorrow.
  public func profile(ofServed served: String, contextLength: Int, on worker: WorkerName) -> ModelProfile {
    let id = SHA256.hexDigest("attached|\(engineName(on: worker))|\(served)")
    let plain = served.map { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) ? $0 : "-" }
    return .unknown(
      ModelID(id), name: "\(String(plain).suffix(80).drop { !$0.isLetter && !$0.isNumber })@\(name)",
      contextLength: contextLength)
  }
}

/// A strategy that somebody wants to run without Apus: what the node is asked to spell out.
public struct LaunchQuery: Hashable, Codable, Sendable {
  public var model: ModelID
  public var configuration: EngineConfiguration
  /// Of each slot, at least 1.
  public var contextTokens: Int
  /// Where the engine shall listen, such as `127.0.0.1` or `0.0.0.0`.
  public var host: String
  /// 1 to 65535.
  public var port: Int

  public init(model: ModelID, configuration: EngineConfiguration, contextTokens: Int, host: String, port: Int) {
    self.model = model
    self.configuration = configuration
    self.contextTokens = contextTokens
    self.host = host
    self.port = port
  }
}

/// What a node runs for a strategy, complete enough to be run there by anybody.
public struct EngineLaunch: Hashable, Codable, Sendable {
  public var engine: EngineDescription
  /// Executable first. Every path is absolute, and the node's own.
  public var command: [String]
  /// Besides what any process has.
  public var environment: [String: String]
  public var host: String
  public var port: Int
  /// `GET` answers 200 there once the engine is ready, such as `/health`.
  public var healthPath: String
  /// The longest start that is no failure.
  public var startTimeoutSeconds: Double
  /// Model files that are read.
  public var modelPaths: [String]
  /// The folder the engine was installed to; nil for one that is found on PATH.
  public var engineDirectory: String?
  /// Cores it keeps busy.
  public var coreCount: Int
  /// Memory to keep free for it: foreseen, corrected by what was learned on the node, with a margin.
  public var memoryBytes: Int
  /// Above this it should be ended: memory to keep free and a quarter, as being ended for a few bytes costs more than they
  /// do, and its cache of ended requests, which grows while it serves; but never more than the node lets an engine take.
  public var memoryLimitBytes: Int
  /// GPUs it uses.
  public var acceleratorCount: Int

  public init(
    engine: EngineDescription, command: [String], environment: [String: String], host: String, port: Int,
    healthPath: String, startTimeoutSeconds: Double, modelPaths: [String], engineDirectory: String?, coreCount: Int,
    memoryBytes: Int, memoryLimitBytes: Int, acceleratorCount: Int
  ) {
    self.engine = engine
    self.command = command
    self.environment = environment
    self.host = host
    self.port = port
    self.healthPath = healthPath
    self.startTimeoutSeconds = startTimeoutSeconds
    self.modelPaths = modelPaths
    self.engineDirectory = engineDirectory
    self.coreCount = coreCount
    self.memoryBytes = memoryBytes
    self.memoryLimitBytes = memoryLimitBytes
    self.acceleratorCount = acceleratorCount
  }
}

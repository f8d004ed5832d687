import Acceleration
public import Serving

/// One engine Apus can run: how to find it, how to start it with a configuration, how to talk to it.
///
/// An adapter decides and never acts: it spawns nothing (that is `EngineProcess`) and measures nothing.
/// To add an engine, write one file in Adapters/ and one line in `EngineCatalogue.all`.
public protocol InferenceEngine: Sendable {
  var name: EngineName { get }
  /// One sentence for `apus engines`.
  var summary: String { get }
  /// Knobs this adapter can say in the engine's words. A configuration with another is refused.
  var knobs: Set<KnobName> { get }
  /// Whether the engine can do a method of that name. Names that are not the catalogue's are not here.
  func support(of method: MethodName) -> MethodSupport
  /// Texts it takes for a knob; one that is not named takes any. Several kinds of one method are told apart by this.
  var choices: [KnobName: Set<String>] { get }
  /// What it does where a knob is not set, for knobs whose default settles what is worth trying.
  var defaults: [KnobName: KnobValue] { get }
  /// Of `knobs`, those that are about GPUs alone: not for a node where it computes on none.
  var acceleratorKnobs: Set<KnobName> { get }
  /// The HTTP routes the engine answers.
  var dialect: RequestDialect { get }
  /// The formats of models it loads. A model in another is refused.
  var formats: Set<ModelFormat> { get }
  /// Requests it serves at once where the configuration does not say; its cache has room for as many.
  var defaultSlotCount: Int { get }
  /// Whether it is a server that somebody else started: it loads no files, and its plans attach to it.
  var isAttached: Bool { get }
  /// The engine and its version as installed here; nil when it is not. May run the engine's own version command.
  func detect() async -> EngineDescription?
  /// Whether what is installed here computes on the GPUs of this machine when it is not told otherwise. May run the
  /// engine's own command.
  func computesOnAccelerators() async -> Bool
  /// What to run. Pure: equal requests give equal plans.
  ///
  /// - Throws: `badInput` naming the knob or value the engine cannot do.
  func launchPlan(_ request: LaunchRequest) throws(ApusError) -> LaunchPlan
}

extension InferenceEngine {
  public var formats: Set<ModelFormat> { [.gguf] }
  /// As memory is estimated.
  public var defaultSlotCount: Int { EngineFootprint.of(name).defaultSlotCount }
  public var isAttached: Bool { false }
  public var acceleratorKnobs: Set<KnobName> { [] }
  public func computesOnAccelerators() async -> Bool { false }
}

/// How an engine is spoken to over HTTP.
public enum RequestDialect: Hashable, Sendable {
  /// llama.cpp's `/completion`: token-id prompts, token ids in the stream, timings at its end.
  case llamaCpp
  /// `/v1/completions` and `/v1/chat/completions`, prompts as text.
  case openAI
  /// The same routes with what vLLM adds: token-id prompts, token ids in the stream, `/tokenize`, counters in `/metrics`.
  case vLLM
}

/// A model and a configuration to start an engine with.
public struct LaunchRequest: Hashable, Sendable {
  /// The file to load: already the variant, where the configuration names one.
  public var modelPath: String
  public var model: ModelProfile
  /// The draft model's file, when the configuration names one.
  public var draftModelPath: String?
  public var configuration: EngineConfiguration
  /// Cores the worker may use; the default for threads.
  public var coreCount: Int
  /// Tokens of context for each slot; nil for the engine's own default.
  public var contextTokens: Int?
  /// Where it listens, for engines that must be told. A port nobody uses, unless `isPublished`.
  public var port: Int
  public var host: String
  /// Whether host and port are somebody's choice: an engine that would choose its own port must take this one.
  public var isPublished: Bool

  public init(
    modelPath: String, model: ModelProfile, draftModelPath: String? = nil, configuration: EngineConfiguration,
    coreCount: Int, contextTokens: Int? = nil, port: Int, host: String = "127.0.0.1", isPublished: Bool = false
  ) {
    self.modelPath = modelPath
    self.model = model
    self.draftModelPath = draftModelPath
    self.configuration = configuration
    self.coreCount = coreCount
    self.contextTokens = contextTokens
    self.port = port
    self.host = host
    self.isPublished = isPublished
  }
}

/// A command and how to know that it is ready; or, without a command, a server that runs already.
public struct LaunchPlan: Hashable, Sendable {
  public enum Readiness: Hashable, Sendable {
    /// The engine prints a line `READY <base URL> ...` on standard output.
    case announced
    /// `GET <base URL><path>` answers 200.
    case polled(baseURL: String, path: String)
  }
  /// Executable first; found on PATH unless it has a slash.
  public var command: [String]
  /// Added to the worker's environment.
  public var environment: [String: String]
  public var readiness: Readiness
  public var startTimeoutSeconds: Double
  /// From SIGTERM to SIGKILL.
  public var stopGraceSeconds: Double
  /// The server to attach to. Nil when the command is to be started.
  public var server: ServedModel?
  /// The folder the engine was installed to, which must be there when the command runs; nil for one found on PATH.
  public var engineDirectory: String?
  /// What the engine must say of itself once it is ready; nil for one that cannot be asked.
  public var shape: EngineShape?

  /// Where a `GET` answers 200 once the engine is ready.
  public var healthPath: String { if case .polled(_, let path) = readiness { path } else { "/health" } }

  /// - Parameter stopGraceSeconds: llama.cpp's server needs about 0.3.
  public init(
    command: [String], environment: [String: String], readiness: Readiness, startTimeoutSeconds: Double = 120,
    stopGraceSeconds: Double = 2, engineDirectory: String? = nil, shape: EngineShape? = nil
  ) {
    self.command = command
    self.environment = environment
    self.readiness = readiness
    self.startTimeoutSeconds = startTimeoutSeconds
    self.stopGraceSeconds = stopGraceSeconds
    self.engineDirectory = engineDirectory
    self.shape = shape
    server = nil
  }

  /// Starts nothing: the server is there already, or is not.
  public init(attachingTo server: ServedModel) {
    self.init(command: [], environment: [:], readiness: .polled(baseURL: server.baseURL, path: "/v1/models"))
    self.server = server
  }
}

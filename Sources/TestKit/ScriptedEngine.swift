public import Engines
import FoundationEssentials
public import Serving

/// An engine that does what a script says (Deploy/engines/scripted/server.py): real process, real HTTP, no model.
///
/// Its model counts: the token after t is t + 1, modulo the vocabulary, and token t is the text ` t<number>`.
public struct ScriptedEngine: InferenceEngine {
  public let name: EngineName
  public let summary = "answers as a test's script says"
  public let dialect = RequestDialect.llamaCpp
  public let knobs: Set<KnobName>
  /// Whatever its knobs can say.
  public func support(of method: MethodName) -> MethodSupport { .works }
  public var defaultSlotCount: Int { script.slots ?? 1 }
  /// Every configuration starts with this.
  public var script: Script
  /// Which program does what it says.
  public var server = Server.complete
  /// What a configuration changes in the script, so that some are faster than others.
  public var adjust: @Sendable (EngineConfiguration, inout Script) -> Void
  /// False for an engine that is not installed.
  public var isInstalled = true
  /// Ask for `/health` on the given port instead of waiting for the engine's announcement.
  public var isPolled = false
  public var startTimeoutSeconds = 300.0

  /// A program in Deploy/engines/scripted of this checkout.
  public enum Server: String, Sendable {
    /// A thread for each request; knows every key.
    case complete = "server.py"
    /// One thread, all answers a token on in each step, as an engine that batches; knows few keys and costs little.
    case stepping = "stepping.py"

    public var path: String {
      let checkout = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
      return "/\(checkout)/Deploy/engines/scripted/\(rawValue)"
    }
  }

  /// The keys of the script; server.py says what each does. Nil leaves its default.
  public struct Script: Hashable, Codable, Sendable {
    public enum Hang: String, Hashable, Codable, Sendable { case start, request, stream }

    public var port: Int?
    public var announce: Bool?
    public var loadMS: Double?
    public var ttftMS: Double?
    public var itlMS: Double?
    public var prefillMicrosecondsPerToken: Double?
    public var slots: Int?
    public var claimedSlots: Int?
    public var gather: Int?
    public var contextTokens: Int?
    public var vocabulary: Int?
    public var tokensPerChunk: Int?
    public var draftAcceptance: Double?
    public var failStart: Int?
    public var dieAfterTokens: Int?
    public var dieSignal: Int?
    public var hang: Hang?
    public var eatMegabytesPerSecond: Int?
    public var eatMegabytesAtOnce: Int?
    public var endless: Bool?
    public var garbage: Bool?
    public var refuse: Bool?
    public var ignoresSIGTERM: Bool?
    public var child: Bool?
    public var certainty: Double?
    public var runnerUp: Double?
    public var slipEvery: Int?
    public var logprobs: Bool?
    public var forcible: Bool?
    public var restoredPrompt: String?
    public var toolTemplate: Bool?

    public init() {}

    private enum CodingKeys: String, CodingKey {
      case port, announce, slots, gather, vocabulary, hang, endless, garbage, refuse, child, certainty, logprobs,
        forcible
      case loadMS = "load_ms"
      case ttftMS = "ttft_ms"
      case itlMS = "itl_ms"
      case prefillMicrosecondsPerToken = "prefill_us_per_token"
      case claimedSlots = "claimed_slots"
      case contextTokens = "context_tokens"
      case tokensPerChunk = "tokens_per_chunk"
      case draftAcceptance = "draft_acceptance"
      case failStart = "fail_start"
      case dieAfterTokens = "die_after_tokens"
      case dieSignal = "die_signal"
      case eatMegabytesPerSecond = "eat_mb_per_s"
      case eatMegabytesAtOnce = "eat_mb_at_once"
      case ignoresSIGTERM = "ignore_sigterm"
      case runnerUp = "runner_up"
      case slipEvery = "slip_every"
      case restoredPrompt = "restored_prompt"
      case toolTemplate = "tool_template"
    }

    /// A script with some keys set: `Script { $0.ttftMS = 10 }`.
    public init(_ set: (inout Script) -> Void) { set(&self) }
  }

  public init(
    name: EngineName = EngineName("scripted"), script: Script = Script(),
    knobs: Set<KnobName> = [.slotCount, .threadCount, .prefixCaching, .speculation, .draftTokens],
    adjust: @escaping @Sendable (EngineConfiguration, inout Script) -> Void = { configuration, script in
      if let slots = configuration[.slotCount]?.intValue { script.slots = slots }
    }
  ) {
    self.name = name
    self.script = script
    self.knobs = knobs
    self.adjust = adjust
  }

  public func detect() async -> EngineDescription? {
    isInstalled ? EngineDescription(name: name, version: "scripted 1") : nil
  }

  public func launchPlan(_ request: LaunchRequest) throws(ApusError) -> LaunchPlan {
    for knob in request.configuration.knobs.keys.sorted() where !knobs.contains(knob) {
      throw ApusError(.badInput, "the engine \(name) has no knob \(knob)")
    }
    var script = script
    adjust(request.configuration, &script)
    if let contextTokens = request.contextTokens { script.contextTokens = script.contextTokens ?? contextTokens }
    if isPolled {
      script.port = request.port
      script.announce = false
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    guard let json = try? encoder.encode(script) else { preconditionFailure("a script is always JSON") }
    return LaunchPlan(
      command: ["python3", "-I", server.path, String(decoding: json, as: UTF8.self)], environment: [:],
      readiness: isPolled
        ? .polled(baseURL: "http://127.0.0.1:\(request.port)", path: "/health") : .announced,
      startTimeoutSeconds: startTimeoutSeconds,
      shape: EngineShape(slotCount: script.slots ?? 1, contextTokens: script.contextTokens))
  }

  /// A plan for tests that need no configuration.
  public func plan(port: Int = 0) -> LaunchPlan {
    let request = LaunchRequest(
      modelPath: "", model: .scripted, configuration: EngineConfiguration(engine: name), coreCount: 1, port: port)
    do {
      return try launchPlan(request)
    } catch {
      preconditionFailure("a configuration without knobs always has a plan: \(error)")
    }
  }
}

extension ModelProfile {
  /// The counting model of `ScriptedEngine`, with the figures of a small dense model.
  public static let scripted = ModelProfile(
    id: ModelID(String(repeating: "5", count: 64)), name: "counting", architecture: "llama",
    parameterCount: 55_600_000, activeParameterCount: 55_600_000, layerCount: 12, hiddenSize: 512, headCount: 8,
    keyValueHeadCount: 4, headSize: 64, feedForwardSize: 2048, expertCount: 0, expertsPerToken: 0,
    vocabularySize: 8192, contextLength: 8192, weightType: "Q8_0", weightBytes: 59_000_000,
    activeWeightBytes: 54_600_000, vocabularyFingerprint: "counting", variantGroup: "counting")
}

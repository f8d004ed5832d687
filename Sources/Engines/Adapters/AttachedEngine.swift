import Acceleration
public import Serving

/// A server that somebody else started, with whatever configuration: measured and routed to like an engine of ours, but
/// never started, stopped or configured.
///
/// Made anew by the worker whenever it looks, with what the server serves at that moment; so it is in no list of engines.
public struct AttachedEngine: InferenceEngine {
  public let name: EngineName
  public let dialect = RequestDialect.openAI
  public let knobs: Set<KnobName> = []
  public let isAttached = true
  /// In whichever its owner gave it.
  public let formats = Set(ModelFormat.allCases)
  /// What the server serves, by the model's id here.
  public let models: [ModelID: ServedModel]
  private let version: String

  /// - Parameter version: as the server says, or its address.
  public init(name: EngineName, version: String, models: [ModelID: ServedModel]) {
    self.name = name
    self.version = version
    self.models = models
  }

  public var summary: String { "a server that somebody else started, \(version)" }

  public func support(of method: MethodName) -> MethodSupport { .notHere(reason: EngineAbilities.attachedReason) }

  /// What a coordinator hears of it.
  public var description: EngineDescription {
    EngineDescription(name: name, version: version, attachedModels: models.keys.sorted())
  }

  public func detect() async -> EngineDescription? { description }

  public func launchPlan(_ request: LaunchRequest) throws(ApusError) -> LaunchPlan {
    _ = try KnobReader(request.configuration, knownKnobs: knobs)
    guard let server = models[request.model.id] else {
      throw ApusError(
        .unavailable, "\(name) does not serve \(request.model.name)", advice: "Ask whoever started that server.")
    }
    return LaunchPlan(attachingTo: server)
  }
}

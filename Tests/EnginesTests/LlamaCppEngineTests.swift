import Engines
import Foundation
import Serving
import TestKit
import Testing

/// Launch plans are pure: each configuration is compared with the settings it must become.
@Suite("LlamaCppEngine") struct LlamaCppEngineTests {
  private let engine = LlamaCppEngine(EngineInstallation(stateDirectory: "/state", guardPath: "/guard"))

  private func plan(
    _ knobs: [KnobName: KnobValue], cores: Int = 4, context: Int? = nil, draft: String? = nil
  ) throws(ApusError) -> LaunchPlan {
    try engine.launchPlan(
      LaunchRequest(
        modelPath: "/m.gguf", model: .scripted, draftModelPath: draft,
        configuration: EngineConfiguration(engine: engine.name, knobs: knobs), coreCount: cores,
        contextTokens: context, port: 1))
  }

  /// The settings a plan gives beyond the ones every plan has.
  private func added(_ plan: LaunchPlan) throws -> [String: KnobValue] {
    var settings = try JSONDecoder().decode([String: Setting].self, from: Data(plan.command[2].utf8))
      .mapValues(\.value)
    #expect(settings.removeValue(forKey: "model.path") == .text("/m.gguf"))
    settings["cpuparams.n_threads"] = nil
    settings["cpuparams_batch.n_threads"] = nil
    for route in ["endpoint_metrics", "endpoint_slots"] {
      #expect(settings.removeValue(forKey: route) == .bool(true))
    }
    return settings
  }

  /// A knob value, or a list shown as one text.
  private struct Setting: Decodable {
    var value: KnobValue
    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let list = try? container.decode([String].self) {
        value = .text("[" + list.joined(separator: ",") + "]")
      } else {
        value = try KnobValue(from: decoder)
      }
    }
  }

  @Test func defaultSaysOnlyModelThreadsAndRoutes() throws {
    let plan = try plan([:])
    #expect(
      plan.command == [
        "/state/engines/llamacpp/bin/python", "/state/engines/llamacpp/server.py",
        #"{"cpuparams.n_threads":4,"cpuparams_batch.n_threads":4,"endpoint_metrics":true,"endpoint_slots":true,"#
          + #""model.path":"/m.gguf"}"#,
      ])
    #expect(plan.environment["OMP_WAIT_POLICY"] == "passive")
    #expect(plan.environment["OMP_NUM_THREADS"] == "4")
    #expect(plan.readiness == .announced)
  }

  @Test func threadCountIsSaidEverywhere() throws {
    let plan = try plan([.threadCount: .int(1)])
    #expect(plan.environment["OMP_NUM_THREADS"] == "1")
    #expect(plan.command[2].contains(#""cpuparams.n_threads":1,"cpuparams_batch.n_threads":1"#))
  }

  @Test func readingHasThreadsOfItsOwn() throws {
    let plan = try plan([.threadCount: .int(1), .batchThreadCount: .int(3)])
    #expect(plan.environment["OMP_NUM_THREADS"] == "3")
    #expect(plan.command[2].contains(#""cpuparams.n_threads":1,"cpuparams_batch.n_threads":3"#))
  }

  @Test func affinityIsAWordBeforeTheCommand() throws {
    let plan = try plan([.threadAffinity: .text("0-3,8")])
    #expect(Array(plan.command[..<4]) == ["taskset", "-c", "0-3,8", "/state/engines/llamacpp/bin/python"])
  }

  /// What the server must say of itself follows from the configuration, and every way to differ from it is said.
  @Test func shapeIsWhatWasAsked() throws {
    let asked = EngineShape(slotCount: 4, contextTokens: 512, isSpeculating: true)
    #expect(try plan([.slotCount: .int(4), .speculation: .text("n-gram")], context: 512).shape == asked)
    #expect(try plan([:]).shape == EngineShape(slotCount: 1, isSpeculating: false))
    func contradiction(_ said: EngineShape) -> String? { said.contradiction(of: asked) }
    #expect(contradiction(EngineShape(slotCount: 4, contextTokens: 768, isSpeculating: true)) == nil)
    #expect(contradiction(EngineShape(slotCount: 4)) == nil)
    #expect(contradiction(EngineShape(slotCount: 1))?.contains("serves 1 requests at once, and was told 4") == true)
    #expect(contradiction(EngineShape(slotCount: 4, contextTokens: 256))?.contains("256 tokens") == true)
    #expect(contradiction(EngineShape(slotCount: 4, isSpeculating: false))?.contains("does not speculate") == true)
  }

  struct Case: CustomStringConvertible {
    var knobs: [KnobName: KnobValue]
    var context: Int?
    var draft: String?
    var settings: [String: KnobValue]
    var description: String { knobs.map { "\($0.key)=\($0.value)" }.sorted().joined(separator: " ") }
  }

  static let cases: [Case] = [
    Case(knobs: [.slotCount: .int(8)], settings: ["n_parallel": .int(8), "n_ctx": .int(8 * 8192)]),
    Case(knobs: [.slotCount: .int(8)], context: 512, settings: ["n_parallel": .int(8), "n_ctx": .int(4096)]),
    Case(knobs: [.slotCount: .int(1)], settings: ["n_parallel": .int(1)]),
    Case(knobs: [:], context: 2048, settings: ["n_ctx": .int(2048)]),
    Case(
      knobs: [.prefixCaching: .bool(false)], settings: ["cache_prompt": .bool(false), "cache_ram_mib": .int(0)]),
    Case(knobs: [.prefixCaching: .bool(true)], settings: ["cache_prompt": .bool(true)]),
    Case(
      knobs: [.batchTokens: .int(1024), .microBatchTokens: .int(256)],
      settings: ["n_batch": .int(1024), "n_ubatch": .int(256)]),
    Case(
      knobs: [.keyCacheType: .text("q8_0"), .valueCacheType: .text("q4_0")],
      settings: ["cache_type_k": .text("Q8_0"), "cache_type_v": .text("Q4_0")]),
    Case(knobs: [.weightVariant: .text("abc")], settings: [:]),
    Case(knobs: [.hostCacheMiB: .int(0)], settings: ["cache_ram_mib": .int(0)]),
    Case(
      knobs: [.slotStore: .bool(true), .keyCacheType: .text("q8_0")],
      settings: [
        "cache_type_k": .text("Q8_0"),
        "slot_save_path": .text("/state/engines/llamacpp/slots/\(ModelProfile.scripted.id)-q8_0-f16"),
      ]),
    Case(knobs: [.slotStore: .bool(false)], settings: [:]),
    Case(
      knobs: [.speculation: .text("n-gram-map"), .ngramSize: .int(3), .draftTokens: .int(8)],
      settings: [
        "speculative.types": .text("[NGRAM_MAP_K]"), "speculative.ngram_map_k.size_n": .int(3),
        "speculative.ngram_map_k.size_m": .int(8),
      ]),
    Case(knobs: [.speculation: .text("n-gram-cache")], settings: ["speculative.types": .text("[NGRAM_CACHE]")]),
    Case(
      knobs: [.speculation: .text("mtp"), .draftTokens: .int(2)],
      settings: ["speculative.types": .text("[DRAFT_MTP]"), "speculative.draft.n_max": .int(2)]),
    Case(
      knobs: [.speculation: .text("eagle"), .draftModel: .text("abc"), .draftMinProbability: .double(0.5)],
      draft: "/d.gguf",
      settings: [
        "speculative.types": .text("[DRAFT_EAGLE3]"), "speculative.draft.mparams.path": .text("/d.gguf"),
        "speculative.draft.p_min": .double(0.5), "speculative.draft.cpuparams.n_threads": .int(4),
        "speculative.draft.cpuparams_batch.n_threads": .int(4),
      ]),
    Case(knobs: [.flashAttention: .bool(true)], settings: ["flash_attn_type": .text("ENABLED")]),
    Case(
      knobs: [.flashAttention: .bool(false), .keyCacheType: .text("q8_0")],
      settings: ["flash_attn_type": .text("DISABLED"), "cache_type_k": .text("Q8_0")]),
    Case(
      knobs: [.speculation: .text("n-gram"), .ngramSize: .int(3), .draftTokens: .int(8)],
      settings: [
        "speculative.types": .text("[NGRAM_SIMPLE]"), "speculative.ngram_simple.size_n": .int(3),
        "speculative.ngram_simple.size_m": .int(8),
      ]),
    Case(
      knobs: [.speculation: .text("draft-model"), .draftModel: .text("abc"), .draftTokens: .int(4)], draft: "/d.gguf",
      settings: [
        "speculative.types": .text("[DRAFT_SIMPLE]"), "speculative.draft.mparams.path": .text("/d.gguf"),
        "speculative.draft.n_max": .int(4), "speculative.draft.cpuparams.n_threads": .int(4),
        "speculative.draft.cpuparams_batch.n_threads": .int(4),
      ]),
  ]

  @Test(arguments: cases) func knobBecomesSettings(row: Case) throws {
    #expect(try added(plan(row.knobs, context: row.context, draft: row.draft)) == row.settings)
  }

  static let refusals: [([KnobName: KnobValue], String)] = [
    ([KnobName("no_such_knob"): .int(1)], "no_such_knob"),
    ([.slotCount: .int(0)], "slot_count=0"),
    ([.slotCount: .int(100_000)], "slot_count=100000"),
    ([.slotCount: .text("8")], "slot_count=8"),
    ([.prefixCaching: .int(1)], "prefix_caching=1"),
    ([.keyCacheType: .text("q3_k")], "key_cache_type=q3_k"),
    ([.batchTokens: .int(128), .microBatchTokens: .int(256)], "micro_batch_tokens=256"),
    ([.valueCacheType: .text("q8_0"), .flashAttention: .bool(false)], "value_cache_type=q8_0"),
    ([.speculation: .text("medusa")], "speculation=medusa"),
    ([.speculation: .text("draft-model")], "without a draft model"),
    ([.draftTokens: .int(4)], "draft_tokens"),
    ([.ngramSize: .int(3), .speculation: .text("draft-model")], "ngram_size"),
    ([.threadCount: .int(-1)], "thread_count=-1"),
    ([.batchThreadCount: .int(0)], "batch_thread_count=0"),
    ([.threadAffinity: .text("0;reboot")], "thread_affinity=0;reboot"),
    ([.hostCacheMiB: .int(-1)], "host_cache_mib=-1"),
    ([.draftMinProbability: .double(2), .speculation: .text("mtp")], "draft_min_probability=2.0"),
    ([.draftTokens: .int(4), .speculation: .text("n-gram-cache")], "n-gram-cache"),
    ([.speculation: .text("eagle")], "without a draft model"),
    ([.slotStore: .bool(true), .prefixCaching: .bool(false)], "slot_store=on"),
    ([.isaBuild: .text("avx512")], "isa_build"),
    ([.gpuLayers: .int(1)], "gpu_layers"),
  ]

  @Test(arguments: refusals) func badKnobIsRefusedByName(knobs: [KnobName: KnobValue], reason: String) {
    #expect { try plan(knobs) } throws: { error in
      let error = error as? ApusError
      return error?.code == .badInput && error?.reason.contains(reason) == true && error?.advice.isEmpty == false
    }
  }

  @Test func contextBeyondTheModelIsRefused() {
    #expect { try plan([:], context: 8193) } throws: { ($0 as? ApusError)?.reason.contains("8193") == true }
    #expect(throws: Never.self) { try plan([:], context: 8192) }
  }

  @Test func everyKnownKnobIsACase() {
    let covered = Self.cases.reduce(into: Set<KnobName>()) { $0.formUnion($1.knobs.keys) }
    #expect(covered.union([.threadCount, .batchThreadCount, .threadAffinity]) == engine.knobs)
  }

  @Test func notInstalledIsNotDetected() async { #expect(await engine.detect() == nil) }
}

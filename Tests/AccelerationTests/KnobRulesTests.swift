import Acceleration
import Serving
import Testing

@Suite("What cannot hold at once is refused with the rule, in candidates and in what a person gives")
struct KnobRulesTests {
  struct Case: Sendable, CustomStringConvertible {
    var knobs: [KnobName: KnobValue]
    /// A part of the refusal; nil where the configuration is sound.
    var refusal: String?
    var description: String { knobs.map { "\($0.key)=\($0.value)" }.sorted().joined(separator: " ") }
  }

  static let cases: [Case] = [
    Case(knobs: [:]),
    Case(knobs: [.draftTokens: .int(3)], refusal: "draft_tokens=3 needs speculation"),
    Case(knobs: [.draftTokens: .int(3), .speculation: .text("mtp")]),
    Case(knobs: [.draftTokens: .int(3), .speculation: .text("n-gram-cache")], refusal: "drafts 8 tokens"),
    Case(knobs: [.speculation: .text("n-gram-cache")]),
    Case(knobs: [.ngramSize: .int(3), .speculation: .text("draft-model")], refusal: "ngram_size=3 needs"),
    Case(knobs: [.ngramSize: .int(3), .speculation: .text("n-gram-map")]),
    Case(knobs: [.draftModel: .text("abc"), .speculation: .text("n-gram")], refusal: "draft_model=abc needs"),
    Case(knobs: [.draftModel: .text("abc"), .speculation: .text("eagle")]),
    Case(
      knobs: [.draftMinProbability: .double(0.5), .speculation: .text("n-gram")],
      refusal: "draft_min_probability=0.5 needs"),
    Case(
      knobs: [.valueCacheType: .text("q8_0"), .flashAttention: .bool(false)],
      refusal: "value_cache_type=q8_0 needs flash attention"),
    Case(knobs: [.keyCacheType: .text("q8_0"), .flashAttention: .bool(false)]),
    Case(knobs: [.valueCacheType: .text("f16"), .flashAttention: .bool(false)]),
    Case(knobs: [.keyCacheType: .text("fp8")], refusal: "needs value_cache_type=fp8"),
    Case(knobs: [.valueCacheType: .text("fp8"), .keyCacheType: .text("f16")], refusal: "needs key_cache_type=fp8"),
    Case(knobs: [.keyCacheType: .text("fp8"), .valueCacheType: .text("fp8")]),
    Case(knobs: [.hostCacheMiB: .int(64), .prefixCaching: .bool(false)], refusal: "host_cache_mib=64 keeps prefixes"),
    Case(knobs: [.hostCacheMiB: .int(0), .prefixCaching: .bool(false)]),
    Case(knobs: [.slotStore: .bool(true), .prefixCaching: .bool(false)], refusal: "slot_store=on restores"),
    Case(knobs: [.tensorSplit: .text("1,1"), .gpuLayers: .int(0)], refusal: "tensor_split=1,1 shares layers"),
    Case(knobs: [.tensorSplit: .text("1,1"), .gpuLayers: .int(4)]),
    Case(knobs: [.expertCPULayers: .int(4), .gpuLayers: .int(0)], refusal: "expert_cpu_layers=4 takes experts"),
    Case(knobs: [.tensorOverrides: .text("a=CPU"), .gpuLayers: .int(0)], refusal: "tensor_overrides=a=CPU moves"),
    Case(knobs: [.expertCPULayers: .int(4), .tensorOverrides: .text("a=CPU")], refusal: "say twice where experts are"),
    Case(knobs: [.expertParallel: .bool(true)], refusal: "expert_parallel=on needs tensor_parallel"),
    Case(knobs: [.expertParallel: .bool(true), .tensorParallel: .int(1)], refusal: "of at least 2"),
    Case(knobs: [.expertParallel: .bool(true), .dataParallel: .int(2)]),
    Case(knobs: [.expertParallel: .bool(false)]),
    Case(knobs: [.rpcServers: .text("a:1"), .slotStore: .bool(true)], refusal: "rpc_servers=a:1 computes elsewhere"),
    Case(
      knobs: [.batchTokens: .int(128), .microBatchTokens: .int(256)],
      refusal: "micro_batch_tokens=256 is more than batch_tokens=128"),
    Case(knobs: [.batchTokens: .int(256), .microBatchTokens: .int(256)]),
  ]

  @Test(arguments: cases) func violation(row: Case) {
    let found = KnobRules.violation(of: row.knobs)
    if let refusal = row.refusal {
      #expect(found?.contains(refusal) == true, "\(found ?? "none")")
    } else {
      #expect(found == nil)
    }
  }

  @Test("No candidate that may run breaks a rule, on any node")
  func candidates() {
    let nodes = [Fixture.hardware(cores: 8), Fixture.gpus(8), Fixture.gpus(24, 8), Fixture.gpus(80, 80, 80, 80)]
    for hardware in nodes {
      for model in [Fixture.dense, Fixture.mixture] {
        for workload in Workload.builtIn {
          let candidates = Candidates.propose(
            in: Fixture.able(
              model: model, available: [model, Fixture.denseQ4, Fixture.draft, Fixture.eagleHead], hardware: hardware,
              workload: workload, rpcServers: ["other:50052"]))
          #expect(candidates.count <= Candidates.limit)
          for candidate in candidates where candidate.isApplicable {
            #expect(KnobRules.violation(of: candidate.configuration.knobs) == nil)
          }
        }
      }
    }
  }
}

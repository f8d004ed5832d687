import Foundation
import Serving
import Synchronization
import TestKit
import Testing

@testable import Engines

/// Launch plans for TensorRT-LLM: each knob becomes an option of `trtllm-serve` or a key of its configuration file.
@Suite("TensorRTLLMEngine") struct TensorRTLLMEngineTests {
  private let engine = TensorRTLLMEngine(EngineInstallation(stateDirectory: "/state", guardPath: "/guard"))
  private let options: OptionList

  init() throws { options = try OptionList(fixture: "trtllm-options.txt") }

  static let cases: [KnobCase] = [
    KnobCase(knobs: [:]),
    KnobCase(knobs: [:], context: 2048, words: "--max_seq_len 2048"),
    KnobCase(
      knobs: [.slotCount: .int(8), .batchTokens: .int(4096)], words: "--max_batch_size 8 --max_num_tokens 4096"),
    KnobCase(knobs: [.chunkedPrefill: .bool(true)], words: "--enable_chunked_prefill"),
    KnobCase(knobs: [.chunkedPrefill: .bool(false)]),
    KnobCase(
      knobs: [.tensorParallel: .int(2), .pipelineParallel: .int(2), .expertParallel: .bool(true)], experts: 8,
      words: "--tp_size 2 --pp_size 2 --ep_size 2"),
    KnobCase(knobs: [.prefixCaching: .bool(false)], file: #"{"kv_cache_config":{"enable_block_reuse":false}}"#),
    KnobCase(
      knobs: [.keyCacheType: .text("fp8"), .valueCacheType: .text("fp8"), .hostCacheMiB: .int(1)],
      file: #"{"kv_cache_config":{"dtype":"fp8","host_cache_size":1048576}}"#),
    KnobCase(knobs: [.weightVariant: .text("abc")]),
    KnobCase(
      knobs: [.speculation: .text("n-gram"), .draftTokens: .int(5), .ngramSize: .int(2)],
      file: #"{"speculative_config":{"decoding_type":"NGram","max_draft_len":5,"max_matching_ngram_size":2}}"#),
    KnobCase(
      knobs: [.speculation: .text("eagle"), .draftModel: .text("d")], draft: "/d",
      file: #"{"speculative_config":{"decoding_type":"Eagle","max_draft_len":3,"speculative_model_dir":"/d"}}"#),
    KnobCase(
      knobs: [.speculation: .text("mtp"), .draftTokens: .int(1)],
      file: #"{"speculative_config":{"decoding_type":"MTP","num_nextn_predict_layers":1}}"#),
    KnobCase(knobs: [.graphCapture: .bool(false)], file: #"{"cuda_graph_config":null}"#),
    KnobCase(knobs: [.graphCapture: .bool(true)]),
  ]

  @Test(arguments: cases) func knobBecomesOptionsAndKeys(row: KnobCase) throws {
    let command = try row.plan(engine).command
    let words = ["--host", "127.0.0.1", "--port", "9000", "--backend", "pytorch"] + row.wordList
    let plain = ["trtllm-serve", "serve", "/m"] + words
    if let file = row.file {
      #expect(command == ["bash", "-c", #"exec "$@" --config <(printf %s "$0")"#, file] + plain)
      let keys = try #require(JSONSerialization.jsonObject(with: Data(file.utf8)) as? [String: Any])
      try check(keys)
    } else {
      #expect(command == plain)
    }
    #expect(options.complaint(about: words + ["--config", "/dev/fd/63"]) == nil)
  }

  /// Each key is a field of the class that reads it.
  private func check(_ keys: [String: Any]) throws {
    let top = (options.keys["BaseLlmArgs"] ?? []).union(options.keys["TorchLlmArgs"] ?? [])
    #expect(top.isSuperset(of: keys.keys))
    if let cache = keys["kv_cache_config"] as? [String: Any] {
      #expect(options.keys["KvCacheConfig"]?.isSuperset(of: cache.keys) == true)
    }
    if let speculation = keys["speculative_config"] as? [String: Any] {
      let type = try #require(speculation["decoding_type"] as? String)
      let reader = try #require(options.words.first { $0.value == type }?.key)
      let fields = (options.keys["DecodingBaseConfig"] ?? []).union(options.keys[reader] ?? [])
      #expect(fields.isSuperset(of: speculation.keys))
    }
  }

  static let refusals: [([KnobName: KnobValue], String)] = [
    ([.threadCount: .int(2)], "thread_count"), ([.dataParallel: .int(2)], "data_parallel"),
    ([.keyCacheType: .text("fp8")], "one type for both"),
    ([.expertParallel: .bool(true), .tensorParallel: .int(2)], "no experts"),
    ([.speculation: .text("draft-model")], "draft-model"), ([.speculation: .text("eagle")], "without a draft model"),
    ([.ngramSize: .int(3)], "ngram_size"), ([.draftTokens: .int(4)], "draft_tokens"),
  ]

  @Test(arguments: refusals) func badKnobIsRefusedByName(knobs: [KnobName: KnobValue], reason: String) {
    KnobCase(knobs: knobs).expectRefusal(reason, by: engine)
  }

  @Test func everyKnobIsChecked() {
    let covered = Self.cases.reduce(into: Set<KnobName>()) { $0.formUnion($1.knobs.keys) }
    #expect(covered == engine.knobs)
    #expect(options.head.contains("00209af149e7") && TensorRTLLMEngine.checkedAgainst.contains("00209af149e7"))
    #expect(options.options.count > 30 && options.complaint(about: ["--tensor-parallel-size", "2"]) != nil)
  }

  @Test func supportSaysNotRun() {
    #expect(engine.support(of: MethodName("graph-capture")) == .flagChecked(against: TensorRTLLMEngine.checkedAgainst))
    guard case .notHere(let reason) = engine.support(of: MethodName("prefill-decode-disaggregation")) else {
      Issue.record("disaggregation by one process")
      return
    }
    #expect(reason.contains("attach"))
  }

  /// The shell's line gives the program its configuration as a file: played with `cat` in its place.
  @Test func theShellHandsTheFileOver() async throws {
    let arguments = try KnobCase(knobs: [.graphCapture: .bool(false)]).plan(engine).command
    let seen = Mutex<[String]>([])
    let child = try ChildProcess.spawn(
      ChildProcess.Plan(
        Array(arguments.prefix(4)) + ["sh", "-c", #"cat "$2""#, "cat"],
        output: .lines { line in seen.withLock { $0.append(line) } }))
    #expect(await child.end() == .exited(0))
    #expect(seen.withLock { $0 } == [#"{"cuda_graph_config":null}"#])
  }
}

import Foundation
import Serving
import TestKit
import Testing

@testable import Engines

/// Launch plans for SGLang: each knob becomes flags, and each flag is one of the package's own parser.
@Suite("SGLangEngine") struct SGLangEngineTests {
  private let engine = SGLangEngine(EngineInstallation(stateDirectory: "/state", guardPath: "/guard"))
  private let options: OptionList

  init() throws { options = try OptionList(fixture: "sglang-\(SGLangEngine.checkedVersion)-options.txt") }

  static let cases: [KnobCase] = [
    KnobCase(knobs: [:], words: ""),
    KnobCase(knobs: [:], context: 2048, words: "--context-length 2048"),
    KnobCase(knobs: [.slotCount: .int(8)], words: "--max-running-requests 8"),
    KnobCase(knobs: [.prefixCaching: .bool(true)], words: ""),
    KnobCase(knobs: [.prefixCaching: .bool(false)], words: "--disable-radix-cache"),
    KnobCase(knobs: [.batchTokens: .int(512)], words: "--chunked-prefill-size 512"),
    KnobCase(knobs: [.chunkedPrefill: .bool(true)], words: ""),
    KnobCase(
      knobs: [.chunkedPrefill: .bool(false), .batchTokens: .int(8192)],
      words: "--chunked-prefill-size -1 --max-prefill-tokens 8192"),
    KnobCase(
      knobs: [.keyCacheType: .text("fp8"), .valueCacheType: .text("fp8")], words: "--kv-cache-dtype fp8_e4m3"),
    KnobCase(knobs: [.keyCacheType: .text("f16"), .valueCacheType: .text("f16")], words: "--kv-cache-dtype auto"),
    KnobCase(knobs: [.hostCacheMiB: .int(2048)], words: "--enable-hierarchical-cache --hicache-size 2"),
    KnobCase(knobs: [.hostCacheMiB: .int(0)], words: ""),
    KnobCase(knobs: [.weightVariant: .text("abc")], words: ""),
    KnobCase(
      knobs: [.speculation: .text("n-gram"), .draftTokens: .int(8)],
      words: "--speculative-algorithm NGRAM --speculative-num-draft-tokens 8"),
    KnobCase(
      knobs: [.speculation: .text("draft-model"), .draftModel: .text("d"), .draftTokens: .int(4)], draft: "/d",
      words: "--speculative-algorithm STANDALONE --speculative-draft-model-path /d --speculative-num-steps 4 "
        + "--speculative-eagle-topk 1 --speculative-num-draft-tokens 5"),
    KnobCase(
      knobs: [.speculation: .text("eagle"), .draftModel: .text("d")], draft: "/d",
      words: "--speculative-algorithm EAGLE3 --speculative-draft-model-path /d --speculative-num-steps 3 "
        + "--speculative-eagle-topk 1 --speculative-num-draft-tokens 4"),
    KnobCase(
      knobs: [.speculation: .text("mtp"), .draftTokens: .int(1)],
      words: "--speculative-algorithm NEXTN --speculative-num-steps 1 --speculative-eagle-topk 1 "
        + "--speculative-num-draft-tokens 2"),
    KnobCase(
      knobs: [.tensorParallel: .int(4), .pipelineParallel: .int(2), .dataParallel: .int(2)],
      words: "--tp-size 4 --pp-size 2 --dp-size 2"),
    KnobCase(
      knobs: [.tensorParallel: .int(4), .expertParallel: .bool(true)], experts: 8, words: "--tp-size 4 --ep-size 4"),
    KnobCase(
      knobs: [.graphCapture: .bool(false)],
      words: "--cuda-graph-backend-decode disabled --cuda-graph-backend-prefill disabled"),
  ]

  @Test(arguments: cases) func knobBecomesFlags(row: KnobCase) throws {
    let plan = try row.plan(engine)
    #expect(plan.command.prefix(2) == ["sglang", "serve"])
    let words = Array(plan.command.dropFirst(2))
    #expect(options.complaint(about: words) == nil)
    let base = ["--model-path", "/m", "--served-model-name", "counting", "--host", "127.0.0.1"]
    #expect(words == base + row.wordList + ["--port", "9000"])
    #expect(plan.readiness == .polled(baseURL: "http://127.0.0.1:9000", path: "/health"))
  }

  /// Prefill and decode on servers of their own, SGLang's router in front; a path with a space and a quote stays one word.
  @Test func splitIsThreeProcesses() throws {
    let plan = try KnobCase(knobs: [.prefillDecodeSplit: .bool(true), .tensorParallel: .int(2)]).plan(engine)
    #expect(plan.command.prefix(2) == ["bash", "-c"] && plan.command.count == 3)
    let lines = plan.command[2].split(separator: "\n").map(String.init)
    #expect(lines.count == 5 && lines[3] == "wait -n" && lines[4] == "exit 1")
    let servers = lines.prefix(2).map { $0.split(separator: " ").dropLast().map(String.init) }
    for server in servers { #expect(options.complaint(about: Array(server.dropFirst(2))) == nil) }
    #expect(lines[0].contains("--port 9001 --disaggregation-mode prefill --disaggregation-bootstrap-port 9003"))
    #expect(lines[1].contains("--port 9002 --disaggregation-mode decode --base-gpu-id 2"))
    #expect(lines[2].contains("--port 9000 --prefill http://127.0.0.1:9001 9003 --decode http://127.0.0.1:9002"))
    #expect(ShellCommand.quoted("/a b/it's") == #"'/a b/it'\''s'"# && ShellCommand.quoted("") == "''")
  }

  static let refusals: [([KnobName: KnobValue], String)] = [
    ([.threadCount: .int(2)], "thread_count"), ([.slotCount: .int(0)], "slot_count=0"),
    ([.keyCacheType: .text("fp8")], "one type for both"), ([.keyCacheType: .text("f16")], "one type for both"),
    ([.keyCacheType: .text("q8_0")], "key_cache_type=q8_0"), ([.hostCacheMiB: .int(100)], "host_cache_mib=100"),
    ([.expertParallel: .bool(true)], "needs tensor_parallel"),
    ([.expertParallel: .bool(true), .tensorParallel: .int(2)], "no experts"),
    ([.tensorParallel: .int(3)], "8 heads"), ([.pipelineParallel: .int(13)], "12 layers"),
    ([.hostCacheMiB: .int(1024), .prefixCaching: .bool(false)], "prefix_caching=off keeps none"),
    ([.speculation: .text("eagle")], "without a draft model"), ([.speculation: .text("medusa")], "medusa"),
    ([.draftTokens: .int(4)], "draft_tokens"),
    ([.draftModel: .text("d"), .speculation: .text("n-gram")], "draft_model"),
  ]

  @Test(arguments: refusals) func badKnobIsRefusedByName(knobs: [KnobName: KnobValue], reason: String) {
    KnobCase(knobs: knobs).expectRefusal(reason, by: engine)
  }

  /// Every knob is in a case, and the list is of the version the adapter says.
  @Test func everyKnobIsChecked() {
    let covered = Self.cases.reduce(into: Set<KnobName>()) { $0.formUnion($1.knobs.keys) }
    #expect(covered.union([.prefillDecodeSplit]) == engine.knobs)
    #expect(options.head.contains("sglang \(SGLangEngine.checkedVersion)") && options.options.count > 500)
  }

  /// The check can fail: a flag of another version, a missing value, a wrong choice.
  @Test func theListRefusesWhatIsNotThere() {
    #expect(options.complaint(about: ["--no-such-flag"]) != nil)
    #expect(options.complaint(about: ["--tp-size"]) != nil)
    #expect(options.complaint(about: ["--kv-cache-dtype", "q8_0"]) != nil)
    #expect(options.complaint(about: ["--disable-radix-cache", "yes"]) != nil)
  }

  /// Never run here, and it says so for each method it has.
  @Test func supportSaysNotRun() {
    #expect(engine.support(of: MethodName("eagle-speculation")) == .flagChecked(against: "sglang 0.5.23 ServerArgs"))
    guard case .notHere(let reason) = engine.support(of: MethodName("thread-count")) else {
      Issue.record("a thread count on a GPU")
      return
    }
    #expect(reason.contains("GPU"))
  }

  /// Found where it is installed: in the state directory, or on PATH through a link into its environment.
  @Test func findsAnInstalledPackage() throws {
    let folder = TemporaryFolder()
    let files = FileManager.default
    #expect(PythonPackage.find("sglang", program: "sglang", in: folder.path, path: "/nowhere") == nil)
    try files.createDirectory(atPath: "\(folder.path)/v/bin", withIntermediateDirectories: true)
    try files.createDirectory(
      atPath: "\(folder.path)/v/lib/python3.12/site-packages/sglang-0.5.9.dist-info", withIntermediateDirectories: true)
    let program = folder.write(Array("#!/bin/sh\n".utf8), as: "v/bin/sglang")
    try files.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program)
    let found = try #require(PythonPackage.find("sglang", program: "sglang", in: "\(folder.path)/v", path: ""))
    #expect(found.version == "0.5.9" && found.program == program)
    try files.createDirectory(atPath: "\(folder.path)/bin", withIntermediateDirectories: true)
    try files.createSymbolicLink(atPath: "\(folder.path)/bin/sglang", withDestinationPath: program)
    #expect(
      PythonPackage.find("sglang", program: "sglang", in: "/nowhere", path: "/x:\(folder.path)/bin")?.version == "0.5.9"
    )
    #expect(PythonPackage.find("other", program: "sglang", in: "\(folder.path)/v", path: "") == nil)
  }
}

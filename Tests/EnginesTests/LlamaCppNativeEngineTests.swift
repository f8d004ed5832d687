import Foundation
import Serving
import TestKit
import Testing

@testable import Engines

/// Launch plans of the program: each knob is compared with the options it must become.
@Suite("LlamaCppNativeEngine") struct LlamaCppNativeEngineTests {
  private let folder = TemporaryFolder()
  private var engine: LlamaCppNativeEngine {
    LlamaCppNativeEngine(EngineInstallation(stateDirectory: folder.path, guardPath: "/guard"))
  }

  private func plan(_ knobs: [KnobName: KnobValue], draft: String? = nil) throws(ApusError) -> LaunchPlan {
    try engine.launchPlan(
      LaunchRequest(
        modelPath: "/m.gguf", model: .scripted, draftModelPath: draft,
        configuration: EngineConfiguration(engine: engine.name, knobs: knobs), coreCount: 4, contextTokens: 512,
        port: 81))
  }

  @Test func defaultSaysOneSlotAndThreads() throws {
    let plan = try plan([:])
    #expect(
      plan.command == [
        "llama-server", "--model", "/m.gguf", "--threads", "4", "--threads-batch", "4", "--ctx-size", "512",
        "--metrics", "--slots", "--parallel", "1", "--host", "127.0.0.1", "--port", "81",
      ])
    #expect(plan.environment == ["OMP_WAIT_POLICY": "passive", "OMP_NUM_THREADS": "4"])
    #expect(plan.readiness == .polled(baseURL: "http://127.0.0.1:81", path: "/health"))
  }

  static let cases: [([KnobName: KnobValue], String)] = [
    ([.slotCount: .int(4)], "--parallel 4"),
    ([.prefixCaching: .bool(false)], "--no-cache-prompt --cache-ram 0"),
    ([.prefixCaching: .bool(true)], "--cache-prompt"),
    ([.hostCacheMiB: .int(64)], "--cache-ram 64"),
    ([.batchTokens: .int(256), .microBatchTokens: .int(64)], "--batch-size 256 --ubatch-size 64"),
    ([.keyCacheType: .text("q8_0"), .valueCacheType: .text("q4_0")], "--cache-type-k q8_0 --cache-type-v q4_0"),
    ([.flashAttention: .bool(false)], "--flash-attn off"),
    ([.flashAttention: .bool(true)], "--flash-attn on"),
    (
      [.speculation: .text("n-gram"), .ngramSize: .int(3), .draftTokens: .int(8)],
      "--spec-type ngram-simple --spec-ngram-simple-size-n 3 --spec-ngram-simple-size-m 8"
    ),
    (
      [.speculation: .text("n-gram-map"), .ngramSize: .int(3), .draftTokens: .int(8)],
      "--spec-type ngram-map-k --spec-ngram-map-k-size-n 3 --spec-ngram-map-k-size-m 8"
    ),
    ([.speculation: .text("n-gram-cache")], "--spec-type ngram-cache"),
    ([.speculation: .text("mtp"), .draftTokens: .int(2)], "--spec-type draft-mtp --spec-draft-n-max 2"),
    (
      [
        .speculation: .text("draft-model"), .draftModel: .text("x"), .draftTokens: .int(3),
        .draftMinProbability: .double(0.5),
      ],
      "--spec-type draft-simple --spec-draft-model /d.gguf --spec-draft-n-max 3 --spec-draft-p-min 0.5 "
        + "--spec-draft-threads 4 --spec-draft-threads-batch 4"
    ),
    ([.gpuLayers: .int(9)], "--n-gpu-layers 9"),
    ([.tensorSplit: .text("3,1")], "--tensor-split 3,1"),
    ([.expertCPULayers: .int(5)], "--n-cpu-moe 5"),
    ([.tensorOverrides: .text(#"ffn_.*_exps\.=CPU"#)], #"--override-tensor ffn_.*_exps\.=CPU"#),
    ([.rpcServers: .text("a:50052,b:1")], "--rpc a:50052,b:1"),
    ([.weightVariant: .text("x")], "--model /m.gguf"),
    ([.graphCapture: .bool(true)], "--model /m.gguf"),
  ]

  @Test(arguments: cases) func knobBecomesOptions(knobs: [KnobName: KnobValue], options: String) throws {
    let command = try plan(knobs, draft: knobs[.draftModel] == nil ? nil : "/d.gguf").command.joined(separator: " ")
    #expect(" \(command) ".contains(" \(options) "), "\(command)")
  }

  @Test func everyKnobIsACase() {
    let covered = Self.cases.reduce(into: Set<KnobName>()) { $0.formUnion($1.0.keys) }
    #expect(covered.union([.threadCount, .batchThreadCount, .threadAffinity, .isaBuild]) == engine.knobs)
  }

  static let refusals: [([KnobName: KnobValue], String)] = [
    ([.isaBuild: .text("avx10")], "isa_build=avx10"),
    ([.slotStore: .bool(true)], "slot_store"),
    ([.tensorSplit: .text("3;1")], "tensor_split=3;1"),
    ([.rpcServers: .text("a:b")], "rpc_servers=a:b"),
    ([.tensorOverrides: .text("experts")], "tensor_overrides=experts"),
    ([.gpuLayers: .int(-1)], "gpu_layers=-1"),
  ]

  @Test(arguments: refusals) func badKnobIsRefusedByName(knobs: [KnobName: KnobValue], reason: String) {
    #expect { try plan(knobs) } throws: { error in
      let error = error as? ApusError
      return error?.code == .badInput && error?.reason.contains(reason) == true
    }
  }

  /// Two builds as the installer leaves them, one of which the processor cannot run: it dies by SIGILL when it starts, and
  /// is described with that.
  @Test func onlyBuildsThatRunAreDetected() async throws {
    try put("avx2", "echo 'version: 0.5.0-dev (0c1e57098)' >&2")
    try put("avx512", "kill -ILL $$")
    #expect(
      await engine.detect()
        == EngineDescription(
          name: engine.name, version: "llama.cpp 0.5.0-dev (0c1e57098) (avx2)",
          builds: [EngineBuild(name: "avx2"), EngineBuild(name: "avx512", fault: "was ended by SIGILL (4)")]))
    #expect(
      try plan([.isaBuild: .text("avx512")]).command[0]
        == "\(folder.path)/engines/llamacpp-native/bin/avx512/llama-server")
    #expect(try plan([:]).command[0].hasSuffix("bin/avx2/llama-server"))
    try put("avx512", "echo 'version: 0.5.0-dev (0c1e57098)'")
    try put("amx", "exit 3")
    let description = try #require(await engine.detect())
    #expect(description.version == "llama.cpp 0.5.0-dev (0c1e57098) (avx2, avx512)")
    #expect(description.builds.map(\.fault) == [nil, nil, "exited with status 3"])
    // Neither of two that crash or say nothing.
    try put("avx2", "kill -SEGV $$")
    try put("avx512", "echo hello")
    #expect(await engine.detect()?.version.hasSuffix("(avx2)") != true)
  }

  @Test(arguments: [
    ("version: 0.5.0-dev (0c1e57098)", "llama.cpp 0.5.0-dev (0c1e57098)"),
    ("version: 6121 (abc1234) x", "llama.cpp 6121 (abc1234)"),
    ("version: 0.5.0-dev (build 0, commit unknown)", "llama.cpp 0.5.0-dev"), ("version:", nil), ("built with", nil),
  ]) func versionLines(line: String, version: String?) {
    #expect(BuildProbe.version(line: line) == version)
  }

  /// A program that neither answers nor ends is ended, and that is its fault.
  @Test func hangingBuildIsGivenUp() async throws {
    try put("avx2", "exec sleep 600")
    let probe = BuildProbe(program: engine.program("avx2"), timeLimit: .milliseconds(200))
    await #expect(throws: BuildProbe.Fault(reason: "did not answer --version within 0.2 seconds")) {
      try await probe.version()
    }
  }

  /// The build for GPUs is the default where their driver is, and is one of the installed builds everywhere.
  @Test func buildForGPUsIsTheDefaultWithADriver() async throws {
    let installation = EngineInstallation(stateDirectory: folder.path, guardPath: "/guard")
    let devices = "echo 'Available devices:'; echo '  CUDA0: NVIDIA H100 80GB HBM3 (81079 MiB, 80556 MiB free)'"
    try put("cuda", "case $1 in --version) echo 'version: 0.5.0-dev (0c1e57098)' ;; *) \(devices) ;; esac")
    try put(
      "avx2", "case $1 in --version) echo 'version: 0.5.0-dev (0c1e57098)' ;; *) echo 'Available devices:' ;; esac")
    let without = LlamaCppNativeEngine(installation, driver: "/no/such/driver")
    let with = LlamaCppNativeEngine(installation, driver: "/dev/null")
    #expect(without.program(nil).hasSuffix("bin/avx2/llama-server"))
    #expect(with.program(nil).hasSuffix("bin/cuda/llama-server"))
    #expect(await with.detect()?.builds.map(\.name) == ["cuda", "avx2"])
    #expect(await with.computesOnAccelerators())
    #expect(await !without.computesOnAccelerators())
  }

  @Test(arguments: [
    ("  CUDA0: NVIDIA H100 80GB HBM3 (81079 MiB, 80556 MiB free)", "CUDA0"),
    ("  Vulkan1: AMD Radeon (RADV) (16384 MiB, 16000 MiB free)", "Vulkan1"),
    ("  RPC0: 10.0.0.2:50052 (1024 MiB, 1024 MiB free)", nil), ("Available devices:", nil), ("  (none)", nil),
  ]) func deviceLines(line: String, device: String?) {
    #expect(BuildProbe.device(line: line) == device)
  }

  @Test func recordedKernelsAreSwitchedOffByTheEnvironment() throws {
    #expect(try plan([.graphCapture: .bool(false)]).environment["GGML_CUDA_DISABLE_GRAPHS"] == "1")
    #expect(try plan([.graphCapture: .bool(true)]).environment["GGML_CUDA_DISABLE_GRAPHS"] == nil)
  }

  private func put(_ build: String, _ script: String) throws {
    let directory = "\(folder.path)/engines/llamacpp-native/bin/\(build)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let path = "\(directory)/llama-server"
    try "#!/bin/sh\n\(script)\n".write(toFile: path, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
  }
}

import Foundation
import Serving
import TestKit
import Testing

@testable import Engines

/// Where llama-server was built: APUS_STATE, or .apus in this checkout.
private let builtState: String? = {
  let checkout = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
  let state = ProcessInfo.processInfo.environment["APUS_STATE"] ?? "\(checkout)/.apus"
  let needed = ["engines/llamacpp-native/bin/avx2/llama-server", "engines/llamacpp/bin/python"]
  return needed.allSatisfy { FileManager.default.isExecutableFile(atPath: "\(state)/\($0)") } ? state : nil
}()

/// The program itself, with every build that is here.
@Suite(
  "llama-server",
  .enabled(if: builtState != nil, "llama-server is not built: run Deploy/engines/llamacpp-native/install"))
struct RealNativeEngineTests {
  private let folder = TemporaryFolder()
  private let installation: EngineInstallation
  private let engine: LlamaCppNativeEngine

  init() throws {
    installation = try EngineInstallation.standard(stateDirectory: try #require(builtState))
    engine = LlamaCppNativeEngine(installation)
  }

  private func makeDraftModel() async throws -> (path: String, profile: ModelProfile) {
    let script =
      "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/") + "/Deploy/models/synthesize.py"
    try FileManager.default.createSymbolicLink(
      atPath: "\(folder.path)/engines", withDestinationPath: "\(installation.stateDirectory)/engines")
    let own = EngineInstallation(stateDirectory: folder.path, guardPath: installation.guardPath)
    try await ModelSynthesizer(own, scriptPath: script).synthesize([.draft]) { _ in }
    let library = ModelLibrary(directory: own.modelsDirectory)
    let profile = try #require(try library.scan().first)
    return (try #require(library.path(of: profile.id)), profile)
  }

  private func start(
    _ model: (path: String, profile: ModelProfile), _ knobs: [KnobName: KnobValue], draft: String? = nil
  ) async throws -> EngineProcess {
    let plan = try engine.launchPlan(
      LaunchRequest(
        modelPath: model.path, model: model.profile, draftModelPath: draft,
        configuration: EngineConfiguration(engine: engine.name, knobs: knobs), coreCount: 1, contextTokens: 512,
        port: LoopbackPort.free()))
    return try await EngineProcess.start(plan, guardPath: installation.guardPath, memoryLimitBytes: 4 << 30)
  }

  private static let request =
    #"{"prompt":[0,700,701,702],"n_predict":16,"temperature":0,"ignore_eos":true,"return_tokens":true}"#

  private func tokens(
    _ model: (path: String, profile: ModelProfile), _ knobs: [KnobName: KnobValue], draft: String? = nil
  ) async throws -> [Int] {
    let process = try await start(model, knobs, draft: draft)
    let answer = try await httpPost("\(process.baseURL)/completion", Self.request)
    #expect(try await httpGet("\(process.baseURL)/metrics").contains("llamacpp:tokens_predicted_total 16"))
    await process.stop()
    #expect(!processExists(process.processID))
    let body = try #require(answer.components(separatedBy: "\r\n\r\n").last)
    let object = try #require(try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any])
    return try #require(object["tokens"] as? [Int])
  }

  /// Every build and every switch starts, answers, and keeps the greedy output of the default where it is exact.
  @Test(.timeLimit(.minutes(20))) func startsAnswersAndStops() async throws {
    let found = try #require(await engine.detect())
    #expect(found.version.hasPrefix("llama.cpp "))
    let model = try await makeDraftModel()
    let exact: [([KnobName: KnobValue], draft: String?)] = [
      ([.slotCount: .int(4), .batchTokens: .int(64), .microBatchTokens: .int(32)], nil),
      ([.flashAttention: .bool(false), .prefixCaching: .bool(false)], nil),
      ([.speculation: .text("n-gram"), .ngramSize: .int(3), .draftTokens: .int(8), .hostCacheMiB: .int(0)], nil),
      ([.speculation: .text("n-gram-map"), .ngramSize: .int(3), .draftTokens: .int(8)], nil),
      ([.speculation: .text("n-gram-cache"), .threadAffinity: .text("0")], nil),
      (
        [.speculation: .text("draft-model"), .draftTokens: .int(8), .draftMinProbability: .double(0.5)], model.path
      ),
    ]
    let usual = try await tokens(model, [:])
    #expect(usual.count == 16)
    for (knobs, draft) in exact {
      #expect(try await tokens(model, knobs, draft: draft) == usual, "\(knobs)")
    }
    _ = try await tokens(model, [.keyCacheType: .text("q8_0"), .valueCacheType: .text("q4_0")])
    for build in LlamaCppNativeEngine.builds where found.version.contains(build) {
      #expect(try await tokens(model, [.isaBuild: .text(build)]).count == 16)
    }
  }

  /// Layers that two other processes hold give the same tokens. When one of these is lost the engine ends, which is a
  /// failure like others.
  @Test(.timeLimit(.minutes(20))) func layersInOtherProcesses() async throws {
    let model = try await makeDraftModel()
    let program = engine.program("avx2").replacing("llama-server", with: "ggml-rpc-server")
    let ports = try [LoopbackPort.free(), LoopbackPort.free()]
    let servers = try ports.map { port in
      try ChildProcess.spawn(
        ChildProcess.Plan(
          [program, "--host", "127.0.0.1", "--port", String(port), "--threads", "1"], output: .discarded,
          error: .discarded
        ).guarded(by: installation.guardPath))
    }
    for port in ports { try await eventually { isListening(port) } }
    let spread: [KnobName: KnobValue] = [
      .rpcServers: .text(ports.map { "127.0.0.1:\($0)" }.joined(separator: ","))
    ]
    #expect(try await tokens(model, spread) == tokens(model, [:]))
    let process = try await start(model, spread)
    servers[1].terminate()
    _ = await servers[1].end()
    _ = try? await httpPost("\(process.baseURL)/completion", Self.request)
    #expect(await process.exit() != nil)
    servers[0].terminate()
    _ = await servers[0].end()
  }

  private func isListening(_ port: Int) -> Bool {
    let table = (try? String(contentsOfFile: "/proc/net/tcp", encoding: .utf8)) ?? ""
    return table.contains("0100007F:\(String(port, radix: 16, uppercase: true)) 00000000:0000 0A")
  }

  /// Options that no machine without a GPU can try are at least options of this program.
  @Test func everyOptionIsTheProgramsOwn() async throws {
    let help = try await outputOfHelp()
    for option in LlamaCppOption.allCases {
      #expect(help.contains(option.flag), "\(option.flag)")
    }
    for kind in LlamaCppSettings.kinds.values {
      let word = kind.lowercased().replacing("_", with: "-")
      #expect(help.contains(word), "\(word)")
    }
  }

  private func outputOfHelp() async throws -> String {
    let path = "\(folder.path)/help"
    let child = try ChildProcess.spawn(
      .init([engine.program("avx2"), "--help"], output: .file(path), error: .discarded))
    #expect(await child.end() == .exited(0))
    return try String(contentsOfFile: path, encoding: .utf8)
  }
}

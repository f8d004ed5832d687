import Engines
import Foundation
import Serving
import Testing

/// Where an installed llama.cpp is: APUS_STATE, or .apus in this checkout.
private let installation: EngineInstallation? = {
  let checkout = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
  let state = ProcessInfo.processInfo.environment["APUS_STATE"] ?? "\(checkout)/.apus"
  guard FileManager.default.isExecutableFile(atPath: "\(state)/engines/llamacpp/bin/python") else { return nil }
  return try? EngineInstallation.standard(stateDirectory: state)
}()

/// The real engine with a real model: makes the draft model, loads it, asks it, stops it.
@Suite(
  "llama.cpp", .enabled(if: installation != nil, "llama.cpp is not installed: run Deploy/engines/llamacpp/install"))
struct RealEngineTests {
  private let folder = TemporaryFolder()
  private let installation: EngineInstallation
  private let engine: LlamaCppEngine

  init() throws {
    installation = try #require(Self.installed)
    engine = LlamaCppEngine(installation)
  }

  private static var installed: EngineInstallation? { EnginesTests.installation }

  /// The draft model, made in the folder of this test by the installed engine's Python.
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
    _ model: (path: String, profile: ModelProfile), _ knobs: [KnobName: KnobValue] = [:], draft: String? = nil
  ) async throws -> EngineProcess {
    let plan = try engine.launchPlan(
      LaunchRequest(
        modelPath: model.path, model: model.profile, draftModelPath: draft,
        configuration: EngineConfiguration(engine: engine.name, knobs: knobs), coreCount: 1, contextTokens: 512,
        port: 0))
    return try await EngineProcess.start(plan, guardPath: installation.guardPath, memoryLimitBytes: 4 << 30)
  }

  /// The profile matches what synthesize.py says it makes, the engine answers under each kind of knob, and stops.
  @Test(.timeLimit(.minutes(2))) func startsAnswersAndStops() async throws {
    #expect(try #require(await engine.detect()).version.hasPrefix("xllamacpp "))
    let model = try await makeDraftModel()
    #expect(model.profile.name == "draft-q8_0" && model.profile.weightType == "Q8_0")
    #expect(model.profile.layerCount == 2 && model.profile.hiddenSize == 256 && model.profile.vocabularySize == 8192)
    #expect(
      try GGUFReader.integers(path: model.path, key: ModelSynthesizer.editDocumentKey)?.count == 256)

    let configurations: [([KnobName: KnobValue], draft: String?)] = [
      ([:], nil),
      ([.slotCount: .int(4), .keyCacheType: .text("q8_0"), .valueCacheType: .text("q4_0")], nil),
      ([.flashAttention: .bool(false), .batchTokens: .int(64), .microBatchTokens: .int(32)], nil),
      ([.speculation: .text("n-gram"), .ngramSize: .int(3), .draftTokens: .int(8), .prefixCaching: .bool(false)], nil),
      ([.speculation: .text("draft-model"), .draftTokens: .int(3)], model.path),
    ]
    var answers: [String] = []
    for (knobs, draft) in configurations {
      let engine = try await start(model, knobs, draft: draft)
      #expect(try await httpGet("\(engine.baseURL)/health").contains("ok"))
      let answer = try await httpPost(
        "\(engine.baseURL)/completion",
        #"{"prompt":[0,700,701,702],"n_predict":16,"temperature":0,"ignore_eos":true,"return_tokens":true}"#)
      let body = try #require(answer.components(separatedBy: "\r\n\r\n").last)
      let object = try #require(try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any])
      #expect((object["tokens"] as? [Int])?.count == 16)
      answers.append(object["content"] as? String ?? "")
      let usage = await engine.stop()
      #expect(usage.cpuSeconds > 0 && usage.peakMemoryBytes > 10 << 20)
      #expect(!processExists(engine.processID))
    }
    #expect(answers[0] == answers[3] && answers[0] == answers[4], "speculation keeps greedy output")
  }

  /// A setting that this version of the engine does not have ends it at once, with the setting's name.
  @Test func unknownSettingIsAFailure() async throws {
    let path = folder.write(GGUFBytes().bytes, as: "tiny.gguf")
    var plan = try engine.launchPlan(
      LaunchRequest(
        modelPath: path, model: try GGUFReader.profile(path: path, name: nil),
        configuration: EngineConfiguration(engine: engine.name), coreCount: 1, port: 0))
    plan.command[2] = plan.command[2].replacingOccurrences(of: "{", with: #"{"of_another_version":1,"#)
    do {
      let process = try await EngineProcess.start(plan, guardPath: installation.guardPath, memoryLimitBytes: nil)
      await process.stop()
      Issue.record("llama.cpp took a setting it does not have")
    } catch {
      guard case .ended(let reason, let lastLines) = error else {
        Issue.record("failed as \(error)")
        return
      }
      #expect(reason == "the engine exited with status 64")
      #expect(lastLines.contains("has no setting of_another_version"))
    }
  }

  /// A file that is no model is a failure with llama.cpp's own words.
  @Test func unusableModelIsAFailure() async throws {
    let path = folder.write(GGUFBytes().bytes, as: "tiny.gguf")
    let profile = try GGUFReader.profile(path: path, name: nil)
    let plan = try engine.launchPlan(
      LaunchRequest(
        modelPath: path, model: profile, configuration: EngineConfiguration(engine: engine.name), coreCount: 1, port: 0)
    )
    do {
      let process = try await EngineProcess.start(plan, guardPath: installation.guardPath, memoryLimitBytes: nil)
      await process.stop()
      Issue.record("llama.cpp loaded a model without weights")
    } catch {
      guard case .ended(let reason, let lastLines) = error else {
        Issue.record("failed as \(error)")
        return
      }
      #expect(reason == "the engine exited with status 65")
      #expect(lastLines.contains("cannot load"))
    }
  }
}

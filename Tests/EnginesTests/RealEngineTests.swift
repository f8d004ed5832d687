import Foundation
import Serving
import Synchronization
import TestKit
import Testing

@testable import Engines

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

  private typealias Model = (path: String, profile: ModelProfile)

  /// Models by name, made in the folder of this test by the installed engine's Python.
  private func make(_ kinds: [ModelSynthesizer.Kind]) async throws -> [String: Model] {
    let script =
      "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/") + "/Deploy/models/synthesize.py"
    try FileManager.default.createSymbolicLink(
      atPath: "\(folder.path)/engines", withDestinationPath: "\(installation.stateDirectory)/engines")
    let own = EngineInstallation(stateDirectory: folder.path, guardPath: installation.guardPath)
    try await ModelSynthesizer(own, scriptPath: script).synthesize(kinds) { _ in }
    let library = ModelLibrary(directory: own.modelsDirectory)
    var made: [String: Model] = [:]
    for profile in try library.scan() { made[profile.name] = (try #require(library.path(of: profile.id)), profile) }
    return made
  }

  private func makeDraftModel() async throws -> Model { try #require(try await make([.draft])["draft-q8_0"]) }

  private func start(
    _ model: Model, _ knobs: [KnobName: KnobValue] = [:], draft: String? = nil
  ) async throws -> EngineProcess {
    let plan = try engine.launchPlan(
      LaunchRequest(
        modelPath: model.path, model: model.profile, draftModelPath: draft,
        configuration: EngineConfiguration(engine: engine.name, knobs: knobs), coreCount: 1, contextTokens: 512,
        port: 0))
    return try await EngineProcess.start(plan, guardPath: installation.guardPath, memoryLimitBytes: 4 << 30)
  }

  /// The profile matches what synthesize.py says it makes, the engine answers under each kind of knob, and stops.
  @Test(.timeLimit(.minutes(20))) func startsAnswersAndStops() async throws {
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
      ([.speculation: .text("n-gram-map"), .ngramSize: .int(3), .draftTokens: .int(8), .hostCacheMiB: .int(0)], nil),
      ([.speculation: .text("n-gram-cache"), .batchThreadCount: .int(2)], nil),
      (
        [.speculation: .text("draft-model"), .draftTokens: .int(8), .draftMinProbability: .double(0.5)], model.path
      ),
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
    for index in 3..<configurations.count {
      #expect(answers[index] == answers[0], "\(configurations[index].0) keeps greedy output")
    }
  }

  /// What the engine says of 96 greedy tokens after a fixed prompt.
  private func greedy(
    _ model: Model, _ knobs: [KnobName: KnobValue] = [:], draft: String? = nil
  ) async throws -> (tokens: [Int], drafted: Int, accepted: Int) {
    let engine = try await start(model, knobs, draft: draft)
    let answer = try await httpPost(
      "\(engine.baseURL)/completion",
      #"{"prompt":[0,700,701,702],"n_predict":96,"temperature":0,"ignore_eos":true,"return_tokens":true}"#)
    await engine.stop()
    let body = try #require(answer.components(separatedBy: "\r\n\r\n").last)
    let object = try #require(try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any])
    let tokens = try #require(object["tokens"] as? [Int])
    let timings = try #require(object["timings"] as? [String: Any])
    return (tokens, timings["draft_n"] as? Int ?? 0, timings["draft_n_accepted"] as? Int ?? 0)
  }

  /// What drafts from the model's hidden states is accepted about as often as synthesize.py says, and changes no token.
  private func expectDrafts(
    _ model: Model, _ kind: String, draft: String? = nil, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let alone = try await greedy(model)
    #expect(alone.tokens.count == 96 && alone.drafted == 0, sourceLocation: sourceLocation)
    for length in [1, 3] {
      let together = try await greedy(
        model, [.speculation: .text(kind), .draftTokens: .int(length)], draft: draft)
      #expect(together.tokens == alone.tokens, "\(length) drafted", sourceLocation: sourceLocation)
      let share = Double(together.accepted) / Double(max(1, together.drafted))
      #expect(together.drafted >= 20 && (0.4...1).contains(share), "\(together)", sourceLocation: sourceLocation)
    }
  }

  /// An EAGLE-3 head with a vocabulary of its own drafts for the dense model.
  @Test(.timeLimit(.minutes(20))) func eagleHeadDrafts() async throws {
    let models = try await make([.dense, .eagle])
    let model = try #require(models["dense-q8_0"])
    let head = try #require(models["eagle-q8_0"])
    #expect(head.profile.eagleVersion == 3 && model.profile.eagleVersion == 0)
    #expect(head.profile.hiddenSize == model.profile.hiddenSize)
    #expect(head.profile.vocabularyFingerprint == model.profile.vocabularyFingerprint)
    try await expectDrafts(model, "eagle", draft: head.path)
  }

  /// A model's own layer for multi-token prediction drafts, and goes round where more than one token is asked of it.
  @Test(.timeLimit(.minutes(20))) func predictionLayerDrafts() async throws {
    let model = try #require(try await make([.mtp])["mtp-q8_0"])
    #expect(model.profile.mtpLayerCount == 1 && model.profile.layerCount == 12)
    try await expectDrafts(model, "mtp")
  }

  /// Each field that the adapter may name is one of the package's, and each word of its enumerations too.
  @Test func fieldsAreThePackages() async throws {
    let absent: Set<LlamaCppOption> = [.expertCPULayers, .rpcServers]
    let fields = LlamaCppOption.allCases.filter { !absent.contains($0) }.map(\.field)
    let words = LlamaCppSettings.kinds.values.map { "COMMON_SPECULATIVE_TYPE_\($0)" }
    let script = """
      import functools, sys, xllamacpp
      parameters = xllamacpp.CommonParams()
      for path in "\(fields.joined(separator: " "))".split():
          try: functools.reduce(getattr, path.split("."), parameters)
          except AttributeError: print("no field", path)
      for word in "\(words.joined(separator: " "))".split():
          if not hasattr(xllamacpp.common_speculative_type, word): print("no word", word)
      print("done")
      """
    let lines = Mutex<[String]>([])
    let child = try ChildProcess.spawn(
      .init([engine.pythonPath, "-c", script], output: .lines { line in lines.withLock { $0.append(line) } }))
    #expect(await child.end() == .exited(0))
    #expect(lines.withLock { $0 } == ["done"])
  }

  /// An engine that keeps its slots finds the prompt of the run before it; one that does not reads it anew.
  @Test(.timeLimit(.minutes(20))) func slotsOutliveTheEngine() async throws {
    let model = try await makeDraftModel()
    // An installation of its own, so that slots are saved in this test's folder, with the launcher of this checkout.
    let state = "\(folder.path)/own"
    let ownFolder = "\(state)/engines/llamacpp"
    try FileManager.default.createDirectory(atPath: ownFolder, withIntermediateDirectories: true)
    for name in ["bin", "lib", "pyvenv.cfg"] {
      try FileManager.default.createSymbolicLink(
        atPath: "\(ownFolder)/\(name)", withDestinationPath: "\(installation.stateDirectory)/engines/llamacpp/\(name)")
    }
    try FileManager.default.createSymbolicLink(
      atPath: "\(ownFolder)/server.py",
      withDestinationPath: "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        + "/Deploy/engines/llamacpp/server.py")
    let own = LlamaCppEngine(EngineInstallation(stateDirectory: state, guardPath: installation.guardPath))
    let prompt = (0..<300).map { 700 + $0 % 50 }
    func cachedTokens(_ knobs: [KnobName: KnobValue]) async throws -> Int {
      let plan = try own.launchPlan(
        LaunchRequest(
          modelPath: model.path, model: model.profile,
          configuration: EngineConfiguration(engine: own.name, knobs: knobs), coreCount: 1, contextTokens: 512, port: 0)
      )
      let engine = try await EngineProcess.start(plan, guardPath: installation.guardPath, memoryLimitBytes: 4 << 30)
      let answer = try await httpPost(
        "\(engine.baseURL)/completion", #"{"prompt":\#(prompt),"n_predict":4,"temperature":0,"cache_prompt":true}"#)
      await engine.stop()
      let body = try #require(answer.components(separatedBy: "\r\n\r\n").last)
      let object = try #require(try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any])
      return try #require((object["timings"] as? [String: Any])?["cache_n"] as? Int)
    }
    #expect(try await cachedTokens([.slotStore: .bool(true)]) == 0)
    #expect(try await cachedTokens([.slotStore: .bool(true)]) >= 290)
    #expect(try await cachedTokens([:]) == 0)
    // Slots of other cache types are others' slots.
    #expect(try await cachedTokens([.slotStore: .bool(true), .keyCacheType: .text("q8_0")]) == 0)
  }

  /// Every thread of an engine told to stay on a processor stays there.
  @Test func affinityHolds() async throws {
    let model = try await makeDraftModel()
    let engine = try await start(model, [.threadAffinity: .text("0"), .threadCount: .int(1)])
    _ = try await httpPost("\(engine.baseURL)/completion", #"{"prompt":[1,2,3],"n_predict":2}"#)
    let threads = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(engine.processID)/task")
    #expect(threads.count > 1)
    for thread in threads {
      let status = try String(contentsOfFile: "/proc/\(engine.processID)/task/\(thread)/status", encoding: .utf8)
      #expect(status.contains("Cpus_allowed_list:\t0\n"))
    }
    await engine.stop()
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

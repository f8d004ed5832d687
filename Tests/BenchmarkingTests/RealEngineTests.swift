import Benchmarking
import Engines
import Foundation
import Serving
import Synchronization
import Testing

/// The llama.cpp engine and a dense model of the checkout's `.apus`, or of where APUS_STATE says.
enum Installed {
  static let state =
    ProcessInfo.processInfo.environment["APUS_STATE"]
    ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path + "/.apus"

  static func model(_ word: String) -> String? { file { $0.contains(word) && $0.contains("q8_0") } }

  /// The dense model with weights of another type.
  static func variant(_ type: String) -> String? { file { $0.contains("dense") && $0.contains(type) } }

  private static func file(_ isWanted: (String) -> Bool) -> String? {
    let folder = state + "/models"
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return files.sorted().first { isWanted($0.lowercased()) && $0.hasSuffix(".gguf") }.map { folder + "/" + $0 }
  }

  static var isThere: Bool {
    FileManager.default.isExecutableFile(atPath: state + "/engines/llamacpp/bin/python") && model("dense") != nil
  }
}

@Suite(
  "Real engine", .serialized,
  .enabled(
    if: Installed.isThere,
    "no llama.cpp engine with a dense model: run Deploy/engines/llamacpp/install and `apus model synthesize`"))
struct RealEngineTests {
  private func host() throws -> (EngineHost, ModelProfile) {
    let path = try #require(Installed.model("dense"))
    let model = try GGUFReader.profile(path: path, name: nil)
    let installation = EngineInstallation(stateDirectory: Installed.state, guardPath: try testGuardPath())
    let host = EngineHost(
      engines: [LlamaCppEngine(installation)], modelPath: { $0 == model.id ? path : nil },
      profile: { $0 == model.id ? model : nil }, worker: WorkerName("tester"),
      hardware: HardwareProfile(
        machine: MachineID("here"), processor: "any", coreCount: 2, instructionSets: [], memoryBytes: 8 << 30,
        memoryBandwidth: 1e10, gemmRate: 1e11),
      engineVersions: [EngineName("llamacpp"): "installed"], guardPath: installation.guardPath,
      memoryLimitBytes: 8 << 30)
    return (host, model)
  }

  private func candidate(_ knobs: [KnobName: KnobValue] = [:]) -> Candidate {
    Candidate(configuration: EngineConfiguration(engine: EngineName("llamacpp"), knobs: knobs), fidelity: .exact)
  }

  /// One round of small blocks: all complete, with exact token counts, and a shared prefix is found in the cache.
  @Test func trial() async throws {
    let (host, model) = try host()
    var shared = Workload.sharedPrefix.halved
    shared.requestCount = 3
    shared.concurrency = 1
    let spec = TrialSpec(
      id: TrialID("t"), benchmark: BenchmarkID("b"), purpose: .screening, model: model.id,
      candidates: [candidate(), candidate([.slotCount: .int(8)])], workloads: [.chat.halved, shared, .edit.halved],
      rounds: 1, seed: 5, timeLimitSeconds: 3600)
    let reports = Reports()
    // Generous: other tests may use the machine.
    let timing = TrialTiming(blockSeconds: 900, stallSeconds: 300)
    await TrialRunner(host: host, timing: timing).run(spec) { await reports.add($0, $1) }
    let measurements = await reports.measurements
    #expect(measurements.count == 6)
    #expect(await reports.endsOnce)
    for measurement in measurements {
      let metrics = try #require(measurement.outcome.metrics, "\(measurement.outcome)")
      let workload = measurement.workload
      #expect(metrics.promptTokenCount == workload.requestCount * workload.promptTokens.lowerBound)
      #expect(metrics.outputTokenCount == workload.requestCount * workload.outputTokens.lowerBound)
      #expect((metrics.cpuSeconds ?? 0) > 0 && metrics.ttft.meanMS > 0 && metrics.tpot.meanMS > 0)
      // The beginning-of-sequence token is all that fresh prompts have in common with earlier ones.
      #expect((measurement.samples[0].cachedTokenCount ?? 99) <= 2)
    }
    let single = try #require(measurements.first { $0.workload == shared && $0.configuration[.slotCount] == nil })
    #expect(single.samples.dropFirst().allSatisfy { ($0.cachedTokenCount ?? 0) == 256 }, "\(single.samples)")
  }

  /// The engine says how it is set up and what it did: slots, context, speculation, and counts of a block that are those
  /// of its requests.
  @Test func engineSaysWhatItIsAndDid() async throws {
    let (host, model) = try host()
    let knobs: [KnobName: KnobValue] = [
      .slotCount: .int(4), .speculation: .text("n-gram"), .ngramSize: .int(3), .draftTokens: .int(8),
    ]
    let configuration = candidate(knobs).configuration
    let engine = try await host.launch(configuration, model: model, contextTokens: 512)
    let endpoint = host.endpoint(of: engine, configuration)
    #expect(
      try await StreamingClient().shape(at: endpoint)
        == EngineShape(slotCount: 4, contextTokens: 512, isSpeculating: true))
    let tokens = try await StreamingClient().tokenSource(at: endpoint)
    let workload = Workload(
      name: "w", promptTokens: 40...40, outputTokens: 12...12, concurrency: 4, requestCount: 8)
    let before = try #require(await EngineCounters.read(endpoint))
    let load = await LoadGenerator(client: StreamingClient(), timeLimitSeconds: 900).run(
      PromptGenerator(workload: workload, seed: 1).requests(of: tokens), workload: workload, seed: 1, at: endpoint)
    let counted = try #require(await EngineCounters.read(endpoint)).since(before)
    await engine.stop()
    #expect(load.failures.allSatisfy { $0 == nil })
    #expect(counted.promptTokenCount == 8 * 40)
    #expect(counted.cachedTokenCount == load.timelines.reduce(0) { $0 + ($1.cachedTokenCount ?? 0) })
    let made = try #require(counted.outputTokenCount)
    #expect((96...130).contains(made), "\(counted)")
    let busy = try #require(counted.busySlotsPerStep)
    #expect((1...4).contains(busy), "\(counted)")
    #expect(counted.draftedTokenCount == load.draftedTokenCount ?? 0)
    #expect(counted.acceptedTokenCount == load.acceptedTokenCount ?? 0)
  }

  /// A greedy answer, and the same answer gone on with after its first tokens, are one.
  @Test func resumedJobIsTheSameJob() async throws {
    let (host, model) = try host()
    let engine = try await host.launch(candidate().configuration, model: model, contextTokens: 512)
    let whole = Mutex<[GeneratedTokens]>([])
    let job = JobRequest(
      job: JobID("j"), spec: JobSpec(model: model.id, prompt: .text("the house by the river"), maxTokens: 12),
      candidate: candidate())
    let first = await JobRunner(host: host).run(job, on: engine) { tokens in whole.withLock { $0.append(tokens) } }
    #expect(first.measurement.outcome.kind == "completed" && first.finishReason == .length)
    let (ids, texts) = whole.withLock { ($0.flatMap(\.ids), $0.map(\.text)) }
    #expect(ids.count == 12 && texts.joined() == first.output)
    let rest = Mutex<[Int32]>([])
    var second = job
    second.generatedTokenIDs = Array(ids.prefix(5))
    second.generatedText = texts.prefix(5).joined()
    let resumed = await JobRunner(host: host).run(second, on: engine) { tokens in rest.withLock { $0 += tokens.ids } }
    #expect(rest.withLock { $0 } == Array(ids.dropFirst(5)) && resumed.output == first.output)
    await engine.stop()
  }

  /// A measured first token is never earlier than the engine says it had read the prompt. (What the client adds to it is a
  /// figure of `apus-benchmarks ttft`.)
  @Test func firstTokenComesAfterThePrompt() async throws {
    let (host, model) = try host()
    let engine = try await host.launch(candidate().configuration, model: model, contextTokens: 512)
    let endpoint = host.endpoint(of: engine, candidate().configuration)
    let client = StreamingClient()
    let tokens = try await client.tokenSource(at: endpoint)
    var added: [Double] = []
    for seed in 0..<3 {
      for request in PromptGenerator(workload: .chat.halved, seed: UInt64(seed)).requests(of: tokens) {
        let first = Answer()
        let end = try await client.stream(request, to: endpoint) { await first.note($0) }
        added.append(await first.firstMS - (end.promptMS ?? 0))
      }
    }
    await engine.stop()
    // The engine rounds its times to microseconds, and its clock is not the client's.
    #expect(added.count >= 3 && added.allSatisfy { $0 > -1 }, "\(added) ms")
  }

  private actor Answer {
    private(set) var firstMS = 0.0
    func note(_ arrival: TokenArrival) {
      if firstMS == 0 { firstMS = arrival.at / .milliseconds(1) }
    }
  }
}

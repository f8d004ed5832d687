import Acceleration
import ArgumentParser
import Benchmarking
import Engines
import Foundation
import Serving
import Synchronization

/// Memory as estimated before an engine is started, against what the real engine then takes.
struct ForecastFigure: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "forecast", abstract: "Memory estimates against what the real llama.cpp engine takes.")

  @Option(help: "State directory with the installed engine and the models.") var state = ".apus"
  @Option(help: "A model's name; may be repeated.") var model = ["dense-q8_0", "moe-q8_0"]
  @Flag(help: "Print one JSON object.") var json = false

  private static let engine = EngineName("llamacpp")

  /// One start of the engine.
  private struct Case {
    var label: String
    var knobs: [KnobName: KnobValue] = [:]
    /// Of each slot.
    var contextTokens = 512
  }

  private struct Row: Codable {
    var model: String
    var label: String
    var contextTokens: Int
    var estimatedBytes: Int
    var measuredBytes: Int
    var parts: String
    /// Measured over estimated, times what the other rows of this model teach.
    var correctedShare: Double

    enum CodingKeys: String, CodingKey {
      case model, label, parts
      case contextTokens = "context_tokens"
      case estimatedBytes = "estimated_bytes"
      case measuredBytes = "measured_bytes"
      case correctedShare = "corrected_error_share"
    }

    var share: Double { Double(measuredBytes) / Double(estimatedBytes) - 1 }
  }

  func run() async throws {
    let installation = try EngineInstallation.standard(stateDirectory: URL(fileURLWithPath: state).path)
    let library = ModelLibrary(directory: installation.modelsDirectory)
    let profiles = try library.scan()
    let engine = LlamaCppEngine(installation)
    guard await engine.detect() != nil else {
      throw ApusError(
        .unavailable, "no llama.cpp engine in \(state)/engines", advice: "run Deploy/engines/llamacpp/install \(state)")
    }
    let hardware = HardwareProfile(
      machine: MachineID("here"), processor: "any", coreCount: ProcessInfo.processInfo.activeProcessorCount,
      instructionSets: [], memoryBytes: 8 << 30, memoryBandwidth: 1e10, gemmRate: 1e11)
    let host = EngineHost(
      engines: [engine], modelPath: { library.path(of: $0) }, profile: { id in profiles.first { $0.id == id } },
      worker: WorkerName("forecast"), hardware: hardware, engineVersions: [:], guardPath: installation.guardPath,
      memoryLimitBytes: 8 << 30)

    var rows: [Row] = []
    for name in model {
      guard let profile = profiles.first(where: { $0.name == name }) else {
        throw ApusError(
          .badInput, "no model \(name) in \(installation.modelsDirectory)",
          advice: "there are \(profiles.map(\.name).joined(separator: ", "))")
      }
      var measured: [Serving.Measurement] = []
      for each in Self.cases(profile, profiles) where each.contextTokens <= profile.contextLength {
        let measurement = await Self.measure(each, profile, host)
        guard let peak = measurement.outcome.metrics?.peakMemoryBytes, let estimate = measurement.memoryEstimateBytes
        else {
          FileHandle.standardError.write(Data("\(name), \(each.label): \(measurement.outcome)\n".utf8))
          continue
        }
        measured.append(measurement)
        rows.append(
          Row(
            model: name, label: each.label, contextTokens: each.contextTokens, estimatedBytes: estimate,
            measuredBytes: peak,
            parts: host.memoryEstimate(
              measurement.configuration, model: profile, contextTokens: each.contextTokens
            ).description, correctedShare: 0))
        if !json { Self.print(rows[rows.count - 1]) }
      }
      // Each row against what the others teach: what a further configuration of a model that was measured is worth.
      let first = rows.count - measured.count
      for left in measured.indices {
        var corrections = MemoryCorrections()
        for other in measured.indices where other != left { corrections.insert(measured[other]) }
        // A variant has a file of its own, and is corrected by what its engine taught.
        let factor = corrections.correction(engine: Self.engine, model: measured[left].loadedModel).factor
        rows[first + left].correctedShare = (rows[first + left].share + 1) / factor - 1
      }
    }
    try summarize(rows)
  }

  /// One factor after the other, and a few together.
  private static func cases(_ model: ModelProfile, _ all: [ModelProfile]) -> [Case] {
    var cases = [Case(label: "default"), Case(label: "context 1024", contextTokens: 1024)]
    cases += [2048, 4096].map { Case(label: "context \($0)", contextTokens: $0) }
    cases += [2, 4, 8].map { Case(label: "slots \($0)", knobs: [.slotCount: .int($0)]) }
    for type in ["q8_0", "q4_0"] {
      cases.append(
        Case(
          label: "cache \(type), slots 8",
          knobs: [.slotCount: .int(8), .keyCacheType: .text(type), .valueCacheType: .text(type)]))
    }
    cases.append(Case(label: "attention not fused", knobs: [.flashAttention: .bool(false)], contextTokens: 2048))
    cases += [64, 128, 1024].map {
      Case(label: "micro batch \($0)", knobs: [.microBatchTokens: .int($0)], contextTokens: 2048)
    }
    cases.append(Case(label: "batch 256", knobs: [.batchTokens: .int(256)], contextTokens: 2048))
    for variant in all where variant.variantGroup == model.variantGroup && variant.id != model.id {
      cases.append(Case(label: "weights \(variant.weightType)", knobs: [.weightVariant: .text(variant.id.rawValue)]))
    }
    if let draft = all.first(where: { $0.name.hasPrefix("draft") }) {
      let knobs: [KnobName: KnobValue] = [.speculation: .text("draft-model"), .draftModel: .text(draft.id.rawValue)]
      cases.append(Case(label: "draft model", knobs: knobs))
      cases.append(
        Case(label: "draft model, slots 4", knobs: knobs.merging([.slotCount: .int(4)]) { $1 }, contextTokens: 1024))
    }
    cases.append(
      Case(
        label: "slots 4, cache q8_0, micro batch 1024",
        knobs: [
          .slotCount: .int(4), .keyCacheType: .text("q8_0"), .valueCacheType: .text("q8_0"),
          .microBatchTokens: .int(1024),
        ], contextTokens: 1024))
    return cases
  }

  /// Fills every slot's context once.
  private static func measure(_ each: Case, _ model: ModelProfile, _ host: EngineHost) async -> Serving.Measurement {
    let slots = each.knobs[.slotCount]?.intValue ?? 1
    let prompt = each.contextTokens - 64 - 16
    let workload = Workload(
      name: "fill", promptTokens: prompt...prompt, outputTokens: 16...16, concurrency: slots, requestCount: slots)
    let spec = TrialSpec(
      id: .random("trial"), benchmark: BenchmarkID("forecast"), purpose: .screening, model: model.id,
      candidates: [Candidate(configuration: EngineConfiguration(engine: engine, knobs: each.knobs), fidelity: .exact)],
      workloads: [workload], rounds: 1, seed: 1, timeLimitSeconds: 600)
    let last = Mutex<Serving.Measurement?>(nil)
    await TrialRunner(host: host, timing: TrialTiming(blockSeconds: 600)).run(spec) { measurement, _ in
      last.withLock { $0 = measurement }
    }
    return last.withLock { $0! }
  }

  private static func print(_ row: Row) {
    write(
      String(
        format: "%@  %@  ctx %d  estimated %.1f MB  measured %.1f MB  %+.1f%%   (%@)", row.model, row.label,
        row.contextTokens, Double(row.estimatedBytes) / 1e6, Double(row.measuredBytes) / 1e6, 100 * row.share,
        row.parts))
  }

  /// At once: a reader of a file sees each row when it is measured.
  private static func write(_ line: String) {
    FileHandle.standardOutput.write(Data((line + "\n").utf8))
  }

  private func summarize(_ rows: [Row]) throws {
    func quantile(_ values: [Double], _ share: Double) -> Double {
      let sorted = values.map { abs($0) }.sorted()
      return sorted.isEmpty ? .nan : sorted[Int((share * Double(sorted.count - 1)).rounded(.up))]
    }
    let (raw, corrected) = (rows.map(\.share), rows.map(\.correctedShare))
    if json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys]
      Self.write(String(decoding: try encoder.encode(rows), as: UTF8.self))
      return
    }
    Self.write(
      String(
        format: """
          %d starts: the estimate alone is off by %.1f%% in the median, 90%% of them by less than %.1f%%, the worst by \
          %.1f%%; with what the model's other rows teach by %.1f%%, %.1f%% and %.1f%%
          """, rows.count, 100 * quantile(raw, 0.5), 100 * quantile(raw, 0.9), 100 * quantile(raw, 1),
        100 * quantile(corrected, 0.5), 100 * quantile(corrected, 0.9), 100 * quantile(corrected, 1)))
  }
}

import Serving

/// What measurements of other programs have in common: an identity that comes from their contents, and unknown in place
/// of what nobody said.
struct ForeignMeasurement {
  /// The format's name, part of the id.
  let format: String
  let file: String
  let facts: StatedFacts

  init(_ format: String, path: String, _ facts: StatedFacts) {
    self.format = format
    file = String(path.split(separator: "/").last ?? "file")
    self.facts = facts
  }

  /// - Parameters:
  ///   - fingerprint: Of the row: the same row twice is one measurement, unless other facts are stated of it.
  ///   - model, hardware, engine, engineVersion: As the source says; what a person states goes before.
  ///   - configuration: What the source calls the configuration, in its own words, or the knobs it names.
  ///   - startedAtMS: 0 when the source does not say.
  func measurement(
    fingerprint: String, model: ModelProfile, hardware: HardwareProfile?, workload: Workload, engine: EngineName?,
    engineVersion: String?, configuration: [KnobName: KnobValue], fidelity: Fidelity, startedAtMS: Int64?,
    metrics: Metrics, warnings: [String] = []
  ) -> Measurement {
    let stated =
      [facts.hardware?.fingerprint, facts.model?.id.rawValue, facts.engine?.rawValue, facts.engineVersion]
      .map { $0 ?? "" } + (facts.knobs ?? [:]).map { "\($0.key)=\($0.value)" }.sorted()
    let digest = UInt64(bitPattern: StoredJSON.digest(([fingerprint] + stated).joined(separator: "\u{1E}")))
    return Measurement(
      id: MeasurementID("\(format)-\(String(digest, radix: 16))"), source: .imported(from: file),
      worker: WorkerName("imported"), hardware: facts.hardware ?? hardware ?? .unknown(), model: facts.model ?? model,
      workload: workload,
      configuration: EngineConfiguration(
        engine: facts.engine ?? engine ?? EngineName("unknown"), knobs: facts.knobs ?? configuration),
      fidelity: fidelity, engineVersion: facts.engineVersion ?? engineVersion ?? "unknown",
      startedAtMS: startedAtMS ?? 0, outcome: .completed(metrics), warnings: warnings)
  }
}

extension KnobName {
  /// What a source calls a configuration whose settings it does not give, String. Never set here: it keeps such a
  /// configuration apart from the engine's default and from the others of its source.
  static let sourceConfiguration = KnobName("source_configuration")
}

extension ModelID {
  /// Stands for a model whose file nobody here has: `name:` and what the source calls it, never a digest.
  static func named(_ name: String) -> ModelID { ModelID("name:" + name) }
  var isName: Bool { rawValue.hasPrefix("name:") && rawValue.utf8.count > 5 }
}

extension ModelProfile {
  static func named(_ name: String) -> ModelProfile { .unknown(.named(name), name: name) }
}

extension HardwareProfile {
  /// Zero and empty are unknown: no worker announces them.
  static func unknown(_ processor: String = "unknown", accelerators: [Accelerator] = []) -> HardwareProfile {
    HardwareProfile(
      machine: MachineID("imported"), processor: processor, coreCount: 0, instructionSets: [], memoryBytes: 0,
      memoryBandwidth: 0, gemmRate: 0, accelerators: accelerators)
  }
}

extension LatencySummary {
  /// NaN is unknown.
  static func known(meanMS: Double? = nil, p50MS: Double? = nil, p90MS: Double? = nil, p99MS: Double? = nil)
    -> LatencySummary
  {
    LatencySummary(meanMS: meanMS ?? .nan, p50MS: p50MS ?? .nan, p90MS: p90MS ?? .nan, p99MS: p99MS ?? .nan)
  }

  /// Percentiles by linear interpolation, as numpy's default has them.
  static func of(_ valuesMS: [Double]) -> LatencySummary {
    let sorted = valuesMS.sorted()
    guard let last = sorted.last else { return .known() }
    func percentile(_ share: Double) -> Double {
      let place = share * Double(sorted.count - 1)
      let low = Int(place)
      let high = low + 1 < sorted.count ? sorted[low + 1] : last
      return sorted[low] + (place - Double(low)) * (high - sorted[low])
    }
    return LatencySummary(
      meanMS: sorted.reduce(0, +) / Double(sorted.count), p50MS: percentile(0.5), p90MS: percentile(0.9),
      p99MS: percentile(0.99))
  }
}

extension Metrics {
  /// Figures of a source that sees no process: no CPU time, memory or load time unless it says so.
  static func foreign(
    requestCount: Int, failedRequestCount: Int = 0, promptTokenCount: Int, outputTokenCount: Int, wallSeconds: Double,
    peakMemoryBytes: Int? = nil, ttft: LatencySummary = .known(), itl: LatencySummary = .known(),
    tpot: LatencySummary = .known(), e2e: LatencySummary = .known(), acceptanceRate: Double? = nil
  ) -> Metrics {
    Metrics(
      requestCount: requestCount, failedRequestCount: failedRequestCount, promptTokenCount: promptTokenCount,
      outputTokenCount: outputTokenCount, wallSeconds: wallSeconds, cpuSeconds: nil, peakMemoryBytes: peakMemoryBytes,
      loadSeconds: .nan, ttft: ttft, itl: itl, tpot: tpot, e2e: e2e, acceptanceRate: acceptanceRate)
  }
}

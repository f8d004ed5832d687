public import Serving

/// One measured block of a grid as a line of its file.
///
/// The columns are some of those in Schemas/measurement.csv.md, with their names and units; models are named, not
/// hashed, also within a fingerprint. No value holds a comma or a quote.
public struct GridRow: Hashable, Sendable {
  public static let header = [
    "trial_id", "round", "model_name", "workload_name", "configuration_fingerprint", "outcome", "output_token_count",
    "wall_seconds", "cpu_seconds", "ttft_mean_ms", "e2e_mean_ms", "started_at_ms", "engine_version", "core_count",
    "processor",
  ].joined(separator: ",")

  /// Blocks of one trial, round, model and workload ran in turns within about a minute: they are pairs.
  public var trial: Int
  public var round: Int
  public var model: String
  public var workload: String
  public var fingerprint: String
  public var outcome: String
  public var outputTokenCount: Int
  /// 0 unless the block completed, like all figures.
  public var wallSeconds: Double
  public var cpuSeconds: Double
  public var ttftMeanMS: Double
  public var e2eMeanMS: Double
  public var startedAtMS: Int64
  public var engineVersion: String
  public var coreCount: Int
  public var processor: String

  /// - Parameter fingerprint: of the configuration, with names in place of hashes.
  public init(_ measurement: Measurement, trial: Int, fingerprint: String) {
    let metrics = measurement.outcome.metrics
    self.trial = trial
    round = if case .trial(_, _, _, let round) = measurement.source { round } else { 0 }
    model = measurement.model.name
    workload = measurement.workload.name
    self.fingerprint = fingerprint
    outcome = measurement.outcome.kind
    outputTokenCount = metrics?.outputTokenCount ?? 0
    wallSeconds = metrics?.wallSeconds ?? 0
    cpuSeconds = metrics?.cpuSeconds ?? 0
    ttftMeanMS = metrics?.ttft.meanMS ?? 0
    e2eMeanMS = metrics?.e2e.meanMS ?? 0
    startedAtMS = measurement.startedAtMS
    engineVersion = measurement.engineVersion
    coreCount = measurement.hardware.coreCount
    processor = measurement.hardware.processor
  }

  public var line: String {
    [
      String(trial), String(round), model, workload, fingerprint, outcome, String(outputTokenCount),
      Self.text(wallSeconds, 4),
      Self.text(cpuSeconds, 4), Self.text(ttftMeanMS, 1), Self.text(e2eMeanMS, 1), String(startedAtMS), engineVersion,
      String(coreCount), processor,
    ]
    .map { $0.replacing(",", with: ";").replacing("\"", with: "'") }.joined(separator: ",")
  }

  /// - Throws: `badInput` for a line that is not of this form.
  public init(parsing line: some StringProtocol) throws(ApusError) {
    let fields: [String] = String(line).split(separator: Character(","), omittingEmptySubsequences: false).map {
      String($0)
    }
    guard fields.count == 15, let trial = Int(fields[0]), let round = Int(fields[1]), let tokens = Int(fields[6]),
      let wall = Double(fields[7]),
      let cpu = Double(fields[8]), let ttft = Double(fields[9]), let e2e = Double(fields[10]),
      let started = Int64(fields[11]), let cores = Int(fields[13])
    else {
      throw ApusError(
        .badInput, "not a line of a measured grid: \(line.prefix(120))",
        advice: "measure the grid again with `apus-benchmarks grid`")
    }
    self.trial = trial
    self.round = round
    model = fields[2]
    workload = fields[3]
    fingerprint = fields[4]
    outcome = fields[5]
    outputTokenCount = tokens
    wallSeconds = wall
    cpuSeconds = cpu
    ttftMeanMS = ttft
    e2eMeanMS = e2e
    startedAtMS = started
    engineVersion = fields[12]
    coreCount = cores
    processor = fields[14]
  }

  private static func text(_ value: Double, _ decimals: Int) -> String {
    let scale = (0..<decimals).reduce(1.0) { scale, _ in scale * 10 }
    return String((value * scale).rounded() / scale)
  }
}

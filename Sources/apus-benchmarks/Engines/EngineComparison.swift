import Foundation
import Serving

/// What a comparison of engines gave so far, and its table.
actor EngineComparison {
  private let candidates: [Candidate]
  private let names: [String]
  private var measurements: [Serving.Measurement] = []

  /// - Parameter names: of the candidates, in the same order; the first is what the others are compared with.
  init(candidates: [Candidate], names: [String]) {
    self.candidates = candidates
    self.names = names
  }

  func take(_ measurement: Serving.Measurement) {
    measurements.append(measurement)
    let place = candidates.firstIndex { $0.configuration == measurement.configuration }
    let words =
      measurement.outcome.metrics.map {
        String(format: "%.2f s wall, %.2f CPU-s", $0.wallSeconds, $0.cpuSeconds ?? .nan)
      }
      ?? measurement.outcome.failureWords
    FileHandle.standardError.write(
      Data("  \(measurement.workload.name) | \(place.map { names[$0] } ?? "") | \(words)\n".utf8))
  }

  /// How the last block failed where every block did; nil where one was completed.
  var soleFailure: String? {
    measurements.contains { $0.outcome.metrics != nil }
      ? nil : measurements.last?.outcome.failureWords ?? "none was started"
  }

  private struct Row: Encodable {
    var workload: String
    var configuration: String
    var blocks: Int
    /// Why there is no block; nil where there is one.
    var failure: String?
    var ttftMS: Double?
    var tpotMS: Double?
    var throughput: Double?
    /// Output tokens for each second of processor time.
    var tokensPerCPUSecond: Double?
    var peakMemoryBytes: Int?
    var loadSeconds: Double?
    var acceptanceRate: Double?
    var cachedShare: Double?
    /// Over the first configuration, by wall time and by processor time: above 1 is better.
    var speedup: Double?
    var speedupInterval: [Double]?
    var cpuSpeedup: Double?

    enum CodingKeys: String, CodingKey {
      case workload, configuration, blocks, failure, speedup
      case ttftMS = "ttft_ms"
      case tpotMS = "tpot_ms"
      case throughput = "throughput_tokens_per_s"
      case tokensPerCPUSecond = "tokens_per_cpu_s"
      case peakMemoryBytes = "peak_memory_bytes"
      case loadSeconds = "load_s"
      case acceptanceRate = "acceptance_rate"
      case cachedShare = "cached_prompt_share"
      case speedupInterval = "speedup_interval_90"
      case cpuSpeedup = "cpu_speedup"
    }
  }

  private var rows: [Row] {
    var shapes: [String] = []
    for measurement in measurements where !shapes.contains(measurement.workload.name) {
      shapes.append(measurement.workload.name)
    }
    return shapes.flatMap { shape in candidates.indices.map { row(shape, $0) } }
  }

  private func row(_ shape: String, _ candidate: Int) -> Row {
    func blocks(_ index: Int) -> [Serving.Measurement] {
      measurements.filter { $0.workload.name == shape && $0.configuration == candidates[index].configuration }
    }
    let own = blocks(candidate)
    let good = own.compactMap(\.outcome.metrics)
    var row = Row(workload: shape, configuration: names[candidate], blocks: good.count)
    guard !good.isEmpty else {
      row.failure = own.first?.outcome.failureWords ?? "not run: the budget was over"
      return row
    }
    func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
    row.ttftMS = median(good.map(\.ttft.meanMS))
    row.tpotMS = median(good.map(\.tpot.meanMS))
    row.throughput = median(good.map(\.throughput))
    let rates = good.compactMap { metrics in
      metrics.cpuSeconds.map { Double(metrics.outputTokenCount) / max(1e-9, $0) }
    }
    row.tokensPerCPUSecond = rates.isEmpty ? nil : median(rates)
    row.peakMemoryBytes = good.compactMap(\.peakMemoryBytes).max()
    row.loadSeconds = median(good.map(\.loadSeconds))
    row.acceptanceRate = good.compactMap(\.acceptanceRate).first
    let samples = own.flatMap(\.samples)
    let prompts = samples.reduce(0) { $0 + $1.promptTokenCount }
    row.cachedShare =
      prompts > 0 ? Double(samples.reduce(0) { $0 + ($1.cachedTokenCount ?? 0) }) / Double(prompts) : nil
    let wall = PairedRatios(candidate: own, baseline: blocks(0), objective: .throughput)
    row.speedup = wall.speedup
    row.speedupInterval = wall.interval.map { [$0.lowerBound, $0.upperBound] }
    row.cpuSpeedup = cpuRatios(own, blocks(0)).speedup
    return row
  }

  /// Processor seconds of blocks of the same round, which do the same work.
  private func cpuRatios(_ own: [Serving.Measurement], _ baseline: [Serving.Measurement]) -> PairedRatios {
    var ratios = PairedRatios(objective: .e2e)
    for measurement in own {
      guard case .trial(_, _, _, let round) = measurement.source, let metrics = measurement.outcome.metrics,
        let other = baseline.first(where: {
          if case .trial(_, _, _, round) = $0.source { true } else { false }
        })?.outcome.metrics, let ownSeconds = metrics.cpuSeconds, let otherSeconds = other.cpuSeconds
      else { continue }
      ratios.add(candidate: ownSeconds, baseline: otherSeconds)
    }
    return ratios
  }

  private static func cells(of row: Row) -> [String] {
    func number(_ value: Double?, _ format: String) -> String {
      guard let value else { return "-" }
      return String(format: format, value)
    }
    var cells = [row.workload, row.configuration, String(row.blocks)]
    cells.append(row.failure.map { String($0.prefix(60)) } ?? number(row.ttftMS, "%.0f"))
    cells.append(number(row.tpotMS, "%.1f"))
    cells.append(number(row.throughput, "%.1f"))
    cells.append(number(row.tokensPerCPUSecond, "%.1f"))
    cells.append(number(row.cachedShare, "%.2f"))
    cells.append(number(row.acceptanceRate, "%.2f"))
    cells.append(number(row.peakMemoryBytes.map { Double($0) / 1_048_576 }, "%.0f"))
    cells.append(number(row.loadSeconds, "%.1f"))
    cells.append(number(row.speedup, "%.2fx"))
    cells.append(number(row.speedupInterval?[0], "%.2f") + "-" + number(row.speedupInterval?[1], "%.2f"))
    cells.append(number(row.cpuSpeedup, "%.2fx"))
    return cells
  }

  func text(machine: String) -> String {
    let head = [
      "WORKLOAD", "CONFIGURATION", "BLOCKS", "TTFT ms", "TPOT ms", "tok/s", "tok/CPU-s", "CACHED", "ACCEPTED", "MiB",
      "LOAD s", "SPEED-UP", "90%", "CPU",
    ]
    let table: [[String]] = [head] + rows.map { Self.cells(of: $0) }
    let widths = head.indices.map { column in table.map { $0[column].count }.max() ?? 0 }
    let text = table.map { line in
      zip(line, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(separator: "  ")
    }
    return
      (text + [
        "speed-up: paired ratios of tokens per second over the first configuration; CPU: of processor seconds", machine,
      ])
      .joined(separator: "\n")
  }

  func json(machine: String) -> String {
    struct Document: Encodable {
      var engines: [Row]
      var machine: String
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(Document(engines: rows, machine: machine)) else {
      preconditionFailure("measured figures are finite numbers")
    }
    return String(decoding: data, as: UTF8.self)
  }
}

extension Outcome {
  /// What went wrong, in one line.
  fileprivate var failureWords: String {
    let detail: String =
      switch self {
      case .outOfMemory(let detail): detail
      case .engineFailed(let reason, _): reason
      case .timedOut(let seconds): "after \(seconds) s"
      case .completed, .lostWorker, .cancelled: ""
      }
    return "\(kind): \(detail)".split(whereSeparator: \.isNewline).joined(separator: " ")
  }
}

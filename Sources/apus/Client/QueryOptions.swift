import Foundation
import Serving

/// Words of the command line that several commands read.
enum QueryOptions {
  static func objective(_ text: String) throws(ApusError) -> Objective {
    guard let objective = Objective(rawValue: text) else {
      throw ApusError(
        .usage, "--objective \(text) is not known",
        advice: "use one of \(Objective.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return objective
  }

  static func slos(_ texts: [String]) throws(ApusError) -> [SLO] {
    var slos: [SLO] = []
    for text in texts {
      guard let slo = SLO(parsing: text) else {
        throw ApusError(
          .usage, "--slo \(text) is not a limit",
          advice:
            "write METRIC:pNN<=TIME, such as 'ttft:p99<=500ms'; metrics ttft, tpot, itl, e2e; percentiles 50, 90, 99")
      }
      slos.append(slo)
    }
    return slos
  }

  /// Figures to weigh, in the order given.
  static func axes(_ text: String) throws(ApusError) -> [FrontAxis] {
    var axes: [FrontAxis] = []
    for name in text.split(separator: ",").map({ $0.trimmingCharacters(in: .whitespaces) }) {
      guard let axis = FrontAxis(rawValue: name) else {
        throw ApusError(
          .usage, "--over \(name) is not known",
          advice: "use some of \(FrontAxis.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      if !axes.contains(axis) { axes.append(axis) }
    }
    guard !axes.isEmpty else {
      throw ApusError(.usage, "--over names nothing", advice: "name figures such as ttft,throughput,memory")
    }
    return axes
  }

  /// More nats per token than any method loses.
  static let anyLoss = 1e6

  /// Nats per token, 0 or more.
  static func qualityLoss(_ value: Double?) throws(ApusError) -> Double? {
    guard let value else { return nil }
    guard value >= 0, value.isFinite else {
      throw ApusError(
        .usage, "--max-quality-loss \(value) is not a loss", advice: "give nats per token, 0 or more, such as 0.01")
    }
    return value
  }

  /// Bytes with an optional K, M or G (powers of 1024).
  static func bytes(_ text: String?, option: String) throws(ApusError) -> Int? {
    guard let text else { return nil }
    let scales: [Character: Int] = ["K": 1 << 10, "M": 1 << 20, "G": 1 << 30]
    let scale = text.last.flatMap { scales[$0] }
    guard let value = Int(scale == nil ? text[...] : text.dropLast()), value > 0,
      case (let bytes, false) = value.multipliedReportingOverflow(by: scale ?? 1)
    else {
      throw ApusError(.usage, "\(option) \(text) is not a size", advice: "write bytes, or a number with K, M or G")
    }
    return bytes
  }
}

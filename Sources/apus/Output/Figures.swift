import Foundation
import Serving

/// Numbers as people read them in tables.
enum Figures {
  static func milliseconds(_ value: Double?) -> String {
    guard let value, value.isFinite else { return "-" }
    return value < 10 ? String(format: "%.1f ms", value) : String(format: "%.0f ms", value)
  }

  static func rate(_ value: Double?) -> String {
    guard let value, value.isFinite else { return "-" }
    return String(format: value < 10 ? "%.1f tok/s" : "%.0f tok/s", value)
  }

  static func bytes(_ value: Int?) -> String {
    guard let value else { return "-" }
    return value >= 10 << 30
      ? String(format: "%.1f GiB", Double(value) / Double(1 << 30)) : "\((value + (1 << 19)) >> 20) MiB"
  }

  /// An amount of money, whose currency nobody here knows.
  static func price(_ value: Double?) -> String {
    guard let value, value.isFinite else { return "-" }
    return String(format: value < 10 ? "%.3f" : "%.2f", value)
  }

  static func joulesPerToken(_ value: Double?) -> String {
    guard let value, value.isFinite else { return "-" }
    return String(format: value < 10 ? "%.2f J/tok" : "%.0f J/tok", value)
  }

  static func factor(_ value: Double?) -> String {
    guard let value, value.isFinite else { return "-" }
    return String(format: "%.2fx", value)
  }

  static func factorRange(_ range: ClosedRange<Double>?) -> String {
    guard let range else { return "-" }
    return String(format: "[%.2f, %.2f]", range.lowerBound, range.upperBound)
  }

  /// A figure with its 90% interval: `52 ms [45, 60]`, the interval in the figure's unit.
  static func withInterval(
    _ value: Double?, _ range: ClosedRange<Double>?, _ format: (Double?) -> String
  ) -> String {
    guard let range else { return format(value) }
    let text = format(value)
    let unit = text.firstIndex(of: " ").map { text[$0...] } ?? ""
    let ends = [range.lowerBound, range.upperBound].map { end in
      let text = format(end)
      return text.hasSuffix(unit) ? String(text.dropLast(unit.count)) : text
    }
    return "\(text) [\(ends[0]), \(ends[1])]"
  }

  static func bytes(_ value: Double?) -> String { bytes(value.map { Int(min($0, 1e18)) }) }

  static func seconds(_ value: Double) -> String {
    value < 60 ? String(format: "%.1f s", value) : String(format: "%d min %02d s", Int(value) / 60, Int(value) % 60)
  }

  static func percent(_ share: Double) -> String { String(format: "%+.0f%%", share * 100) }
}

import Foundation
import Logging
import Serving
import UnixSignals
import Yams

/// Options of a long-running service: flags over APUS_* variables over the configuration file over defaults.
struct ServiceOptions {
  private let file: [String: String]
  private let section: String

  /// - Parameters:
  ///   - path: a YAML file of `key: value` lines, where a value may be a list; nil for none.
  ///   - allowed: every key that may stand there.
  init(path: String?, section: String, allowed: Set<String>) throws(ApusError) {
    self.section = section
    guard let path else {
      file = [:]
      return
    }
    let text = try InputFile.text(path)
    let root: Any?
    do {
      root = try Yams.load(yaml: text)
    } catch {
      throw ApusError(.badInput, "\(path) is not a configuration: \(InputFile.reason(error))")
    }
    // Nil for a file without anything but comments.
    let found: [String: Any]? = root.map { $0 as? [String: Any] } ?? [:]
    guard let values = found else {
      throw ApusError(
        .badInput, "\(path) is not a configuration: it has no `key: value` lines", advice: "see Deploy/config")
    }
    let parsed = values.mapValues { value in
      (value as? [Any])?.map { "\($0)" }.joined(separator: "\n") ?? "\(value)"
    }
    if let unknown = parsed.keys.sorted().first(where: { !allowed.contains($0) }) {
      throw ApusError(
        .badInput, "\(path) sets \(unknown), which is no option of the \(section)",
        advice: "the options are \(allowed.sorted().joined(separator: ", "))")
    }
    file = parsed
  }

  func text(_ key: String, flag: String?) -> String? {
    flag ?? ProcessInfo.processInfo.environment["APUS_" + key.uppercased()] ?? file[key]
  }

  func number(_ key: String, flag: Int?, default fallback: Int, in range: ClosedRange<Int>) throws(ApusError) -> Int {
    guard let text = text(key, flag: flag.map(String.init)) else { return fallback }
    guard let value = Int(text), range.contains(value) else {
      throw ApusError(
        .usage, "\(key) \(text) is not a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  func number(
    _ key: String, flag: Double?, default fallback: Double, in range: ClosedRange<Double>
  ) throws(ApusError) -> Double {
    guard let text = text(key, flag: flag.map { String($0) }) else { return fallback }
    guard let value = Double(text), range.contains(value) else {
      throw ApusError(.usage, "\(key) \(text) is not a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  func truth(_ key: String, flag: Bool?, default fallback: Bool) throws(ApusError) -> Bool {
    guard let text = text(key, flag: flag.map { "\($0)" }) else { return fallback }
    guard let value = Bool(text) else { throw ApusError(.usage, "\(key) \(text) is neither true nor false") }
    return value
  }

  func fraction(_ key: String, flag: Double?, default fallback: Double) throws(ApusError) -> Double {
    guard let text = text(key, flag: flag.map { String($0) }) else { return fallback }
    guard let value = Double(text), value > 0, value <= 1 else {
      throw ApusError(.usage, "\(key) \(text) is not above 0 and at most 1")
    }
    return value
  }
}

/// What every service does around its work.
enum Service {
  /// Lines with time and level on standard error, where systemd and the quickstart's log files pick them up.
  static func logger(_ label: String) -> Logger {
    Logger(label: label) { StreamLogHandler.standardError(label: $0) }
  }

  /// Runs `body` until it ends or SIGTERM or SIGINT comes; then `stop` is called, and `body` cancelled and awaited.
  ///
  /// - Parameter drain: called at the first signal by a service that ends in order then; the second stops it.
  static func untilSignalled(
    _ body: @escaping @Sendable () async throws -> Void, drain: (@Sendable () -> Void)? = nil,
    stop: @escaping @Sendable () async -> Void
  ) async throws {
    try await withThrowingTaskGroup(of: Bool.self) { group in
      group.addTask {
        try await body()
        return true
      }
      group.addTask {
        var signals = await UnixSignalsSequence(trapping: .sigterm, .sigint).makeAsyncIterator()
        if await signals.next() != nil, let drain {
          drain()
          _ = await signals.next()
        }
        return false
      }
      defer { group.cancelAll() }
      while let bodyEnded = try await group.next() {
        if bodyEnded { return }
        await stop()
        group.cancelAll()
      }
    }
  }
}

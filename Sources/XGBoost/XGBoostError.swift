import CXGBoost

/// What the XGBoost library refused, and during which operation.
public struct XGBoostError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The C function that failed.
  public var operation: String
  /// The library's words, without the time and source line it puts before them.
  public var message: String

  public init(operation: String, message: String) {
    self.operation = operation
    self.message = message
  }

  public var description: String { "\(operation): \(message)" }

  /// Throws when a C function says that it failed. Must be called on the thread that called it: the library keeps the
  /// last error for each thread.
  static func check(_ status: Int32, _ operation: String) throws(XGBoostError) {
    guard status != 0 else { return }
    let text = XGBGetLastError().map { String(cString: $0) } ?? "no reason given"
    // `[12:00:00] /path/learner.cc:123: what happened`, then a stack trace on further lines.
    var line = text.split(separator: "\n", maxSplits: 1).first.map(String.init) ?? text
    if line.hasPrefix("["), let end = line.firstIndex(of: "]") {
      line = String(line[line.index(after: end)...])
      if let colon = line.range(of: ": ") { line = String(line[colon.upperBound...]) }
    }
    throw XGBoostError(operation: operation, message: line)
  }
}

extension String {
  /// The first occurrence of a short ASCII pattern; the standard library has this only with Foundation or regexes.
  fileprivate func range(of pattern: String) -> Range<String.Index>? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(pattern) { return start..<index(start, offsetBy: pattern.count) }
      start = index(after: start)
    }
    return nil
  }
}

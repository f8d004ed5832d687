import Foundation

/// One line that rewrites itself on a terminal, and plain lines now and then elsewhere (a log, CI).
final class ProgressLine {
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private var lastPlain = -Double.infinity
  private var lastText = ""
  private let plainIntervalSeconds: Double

  init(plainIntervalSeconds: Double = 5) {
    self.plainIntervalSeconds = plainIntervalSeconds
  }

  /// - Parameter atSeconds: time since any fixed start, to thin out the lines where there is no terminal.
  func update(_ text: String, atSeconds: Double) {
    if isTerminal {
      let shown = String(text.prefix(118))
      Self.write("\r\u{1B}[K" + shown)
    } else if atSeconds - lastPlain >= plainIntervalSeconds, text != lastText {
      lastPlain = atSeconds
      Self.write("  " + text + "\n")
    }
    lastText = text
  }

  /// Ends the line so that what follows starts on a fresh one.
  func finish(_ text: String) {
    Self.write(isTerminal ? "\r\u{1B}[K  \(text)\n" : "  \(text)\n")
  }

  private static func write(_ text: String) {
    try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
  }

  /// `[#####.....]`, ten to forty wide.
  static func bar(_ done: Int, of total: Int, width: Int = 24) -> String {
    let share = total > 0 ? min(1, Double(done) / Double(total)) : 0
    let filled = Int((share * Double(width)).rounded())
    return "[" + String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled) + "]"
  }
}

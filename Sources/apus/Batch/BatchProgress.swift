import Foundation
import Serving

/// How far a batch is: on one line of a terminal, and every half minute elsewhere.
actor BatchProgress {
  /// What it costs to redraw a line for every token would be more than the batch's own.
  private static let redrawSeconds = 0.1
  /// Reasons to wait that are said once each; more would only say the same of other models.
  private static let mostReasons = 20

  private let lineCount: Int
  private let line = ProgressLine(plainIntervalSeconds: 30)
  private let start = ContinuousClock.now
  private var drawnAt = -Double.infinity
  private var reasons: Set<String> = []
  private(set) var counts = BatchCounts()

  init(lineCount: Int) { self.lineCount = lineCount }

  var elapsedSeconds: Double { (ContinuousClock.now - start) / .seconds(1) }

  func resumed(_ ending: BatchResult.Ending) {
    counts.resumed += 1
    counts.add(ending)
  }

  /// - Parameter wasDone: whether a job of before had ended with it already.
  func ended(_ result: BatchResult, wasDone: Bool = false) {
    counts.add(result.ending)
    if wasDone { counts.reused += 1 }
    if result.ending != .refused { counts.ran += 1 }
    draw()
  }

  func received(tokens count: Int) {
    counts.tokens += count
    draw()
  }

  /// A job has nowhere to run: said once for each reason, and the others go on.
  func waits(_ job: JobID, _ reason: String) {
    guard reasons.count < Self.mostReasons, reasons.insert(reason).inserted else { return }
    Console.note("\(job) waits: \(reason)")
  }

  func finish(_ text: String) { line.finish(text) }

  private func draw() {
    let elapsed = elapsedSeconds
    guard elapsed - drawnAt >= Self.redrawSeconds else { return }
    drawnAt = elapsed
    line.update(Self.text(counts, of: lineCount, elapsedSeconds: elapsed), atSeconds: elapsed)
  }

  /// `[####....] 37% 37/100, 1 failed, 120 tok/s, 2 min 10 s left`.
  static func text(_ counts: BatchCounts, of lineCount: Int, elapsedSeconds: Double) -> String {
    let done = counts.done
    var parts = ["\(ProgressLine.bar(done, of: lineCount)) \(100 * done / max(1, lineCount))% \(done)/\(lineCount)"]
    if counts.failed + counts.refused > 0 { parts.append("\(counts.failed + counts.refused) failed") }
    if counts.tokens > 0, elapsedSeconds > 0 { parts.append(Figures.rate(Double(counts.tokens) / elapsedSeconds)) }
    if counts.ran > 0, done < lineCount {
      let left = elapsedSeconds / Double(counts.ran) * Double(lineCount - done)
      parts.append("\(Figures.seconds(left)) left")
    }
    return parts.joined(separator: ", ")
  }
}

/// Lines of a batch by how they ended.
struct BatchCounts: Hashable, Sendable {
  var completed = 0
  var failed = 0
  /// Lines that became no job.
  var refused = 0
  /// Of all these, those that an earlier run had ended.
  var resumed = 0
  /// Of all these, those that a job of before had answered: of another batch with the same line, or of one whose results
  /// are gone.
  var reused = 0
  /// Jobs that ended in this run: what tells how long the others take.
  var ran = 0
  /// Tokens received by this run.
  var tokens = 0

  var done: Int { completed + failed + refused }

  mutating func add(_ ending: BatchResult.Ending) {
    switch ending {
    case .completed: completed += 1
    case .failed: failed += 1
    case .refused: refused += 1
    }
  }
}

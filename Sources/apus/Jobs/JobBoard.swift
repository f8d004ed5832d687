import Foundation
import Messaging
import Serving

/// All unfinished jobs as they change: a table that rewrites itself on a terminal, a line for each change elsewhere.
struct JobBoard {
  private let json: Bool
  private let isTerminal = isatty(STDOUT_FILENO) == 1
  private var known: [JobID: JobRecord] = [:]
  private var drawnLines = 0

  init(json: Bool) { self.json = json }

  /// Whether no job was unfinished when it last looked.
  var isEmpty: Bool { known.isEmpty }

  /// Jobs that were unfinished the last time and are not among these.
  func gone(from jobs: [JobRecord]) -> [JobID] {
    Set(known.keys).subtracting(jobs.map(\.id)).sorted()
  }

  /// - Parameters:
  ///   - jobs: those that have not ended.
  ///   - ended: what became of those that are gone.
  mutating func show(_ jobs: [JobRecord], ended: [JobRecord]) {
    let changed = ended + jobs.filter { known[$0.id].map(Self.state) != Self.state($0) }
    if json {
      for job in changed { Console.print(JobOutput.json(job, nil).text) }
    } else if isTerminal {
      redraw(jobs, ended)
    } else {
      for job in changed { Console.print(Self.line(job)) }
    }
    known = Dictionary(jobs.map { ($0.id, $0) }) { first, _ in first }
  }

  private static func state(_ job: JobRecord) -> String { "\(job.state.rawValue) \(job.worker?.rawValue ?? "")" }

  private static func line(_ job: JobRecord) -> String {
    let place = job.worker.map { " on \($0)" } ?? ""
    return "\(job.id) \(job.state.rawValue)\(place)" + (job.failure.map { ": \($0)" } ?? "")
  }

  /// What has ended scrolls away above the table.
  private mutating func redraw(_ jobs: [JobRecord], _ ended: [JobRecord]) {
    var text = drawnLines > 0 ? "\u{1B}[\(drawnLines)A\u{1B}[J" : ""
    for job in ended { text += Self.line(job) + "\n" }
    var lines: [Substring] = []
    if !jobs.isEmpty {
      // What scrolls out of the terminal, or wraps, could not be drawn over.
      let (columns, rows) = Self.terminalSize
      let most = max(1, rows - 3)
      lines = JobOutput.table(Array(jobs.prefix(most))).text().split(separator: "\n").map { $0.prefix(columns) }
      if jobs.count > most { lines.append("and \(jobs.count - most) more") }
    }
    for line in lines { text += line + "\n" }
    drawnLines = lines.count
    Console.write(text)
  }

  /// 80 by 24 where the terminal does not say.
  private static var terminalSize: (columns: Int, rows: Int) {
    var size = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return (80, 24) }
    return (Int(size.ws_col), Int(size.ws_row))
  }
}

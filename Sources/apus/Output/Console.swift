import Foundation
import Serving
import Synchronization

/// Lines to people; errors and progress go to standard error.
enum Console {
  private struct Reader {
    /// The exit status that its loss means; nil while it reads.
    var lostAs: Int32?
    var tell: (@Sendable (Int32) -> Void)?
  }

  /// Of standard output.
  private static let reader = Mutex(Reader())

  /// The exit status that a lost reader means, where the program goes on for the moment; nil while all is written.
  static var lostReader: Int32? { reader.withLock { $0.lostAs } }

  /// Has `tell` told once, in place of the program's end, that standard output takes no more; nil for the end again.
  static func whenReaderIsLost(_ tell: (@Sendable (Int32) -> Void)?) { reader.withLock { $0.tell = tell } }

  static func print(_ line: String) { write(line + "\n") }

  /// Ends the program where standard output takes no more: quietly when its reader has gone, as `head` does, and with what
  /// the system says otherwise, such as a full disk.
  static func write(_ text: String) {
    guard lostReader == nil else { return }
    do {
      try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
    } catch {
      let status = isBrokenPipe(error) ? 128 + SIGPIPE : FailureCode.disk.rawValue
      if !isBrokenPipe(error) {
        note("apus: cannot write the output: \((error as NSError).localizedDescription)")
      }
      let tell = reader.withLock { reader in
        reader.lostAs = status
        return reader.tell
      }
      guard let tell else { exit(status) }
      tell(status)
    }
  }

  static func note(_ line: String) {
    // Where nobody can be told, there is nobody to tell that either.
    try? FileHandle.standardError.write(contentsOf: Data((line + "\n").utf8))
  }

  private static func isBrokenPipe(_ error: any Error) -> Bool {
    let cause = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError ?? error as NSError
    return cause.domain == NSPOSIXErrorDomain && cause.code == Int(EPIPE)
  }
}

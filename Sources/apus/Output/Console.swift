import Foundation
import Serving

/// Lines to people; errors and progress go to standard error.
enum Console {
  static func print(_ line: String) { write(line + "\n") }

  /// Ends the program where standard output takes no more: quietly when its reader has gone, as `head` does, and with what
  /// the system says otherwise, such as a full disk.
  static func write(_ text: String) {
    do {
      try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
    } catch {
      guard !isBrokenPipe(error) else { exit(128 + SIGPIPE) }
      note("apus: cannot write the output: \((error as NSError).localizedDescription)")
      exit(FailureCode.disk.rawValue)
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

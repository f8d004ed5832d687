import Foundation
import Serving

/// The file of a history before SQLite opens it.
enum HistoryFile {
  /// Makes the file if there is none, readable by its owner only: prompts and answers are in it. SQLite gives the
  /// same permissions to the files it puts beside.
  ///
  /// - Throws: `disk` with the system's reason when it cannot be opened for writing.
  static func prepare(_ path: String) throws(ApusError) {
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      let reason = String(cString: strerror(errno))
      throw ApusError(
        .disk, "the history at \(path) cannot be opened: \(reason)",
        advice: "check that it is a file in an existing directory that this user may write")
    }
    close(descriptor)
  }

  /// Bytes of the database and its write-ahead log.
  static func byteCount(_ path: String) -> Int {
    [path, path + "-wal"].reduce(0) { sum, file in
      var status = stat()
      return stat(file, &status) == 0 ? sum + Int(status.st_size) : sum
    }
  }
}

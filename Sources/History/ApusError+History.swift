import GRDB
import Serving

extension ApusError {
  /// What a failure of the database at `path` means to a person.
  init(history path: String, _ error: any Error) {
    switch error {
    case let error as ApusError: self = error
    case let fault as HistoryFault: self.init(history: path, fault: fault)
    case let error as DatabaseError: self.init(history: path, database: error)
    case is CancellationError:
      self.init(.tryAgain, "reading the history at \(path) was cancelled")
    default:
      self.init(.bug, "the history at \(path) failed: \(error)")
    }
  }

  private init(history path: String, fault: HistoryFault) {
    switch fault {
    case .foreignDatabase:
      self.init(
        .badInput, "\(path) is a database of another program",
        advice: "name another file or state directory; nothing in this one was changed")
    case .newer(let step):
      self.init(
        .badInput, "the history at \(path) was written by a newer Apus (it has the schema step \(step))",
        advice: "use that version of Apus, or another state directory; nothing in this one was changed")
    case .damaged(let what):
      self.init(.badInput, "the history at \(path) is damaged: \(what)", advice: Self.damageAdvice)
    }
  }

  private init(history path: String, database error: DatabaseError) {
    let said = error.message ?? "SQLite error \(error.extendedResultCode.rawValue)"
    switch error.resultCode {
    case .SQLITE_NOTADB:
      self.init(
        .badInput, "\(path) is not a history (\(said))",
        advice: "name another file, or move this one away and a new history is made")
    case .SQLITE_CORRUPT:
      self.init(.badInput, "the history at \(path) is damaged (\(said))", advice: Self.damageAdvice)
    case .SQLITE_FULL:
      self.init(
        .disk, "no space left for the history at \(path) (\(said))",
        advice: "free space on that file system, or run `apus history compact`; nothing acknowledged was lost")
    case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH:
      self.init(
        .disk, "the history at \(path) cannot be written (\(said))",
        advice: "let this user write the file and its directory, and mount the file system for writing")
    case .SQLITE_CANTOPEN:
      self.init(
        .disk, "the history at \(path) cannot be opened (\(said))",
        advice: "check that it is a file in an existing directory that this user may write")
    case .SQLITE_IOERR:
      self.init(
        .disk, "the disk failed under the history at \(path) (\(said))",
        advice: "look at the system's log for disk errors and at the space left, then start again")
    case .SQLITE_BUSY, .SQLITE_LOCKED:
      self.init(
        .tryAgain, "another process holds the history at \(path) (\(said))",
        advice: "wait until it is done, or stop it")
    case .SQLITE_TOOBIG:
      self.init(.badInput, "a record is too big for the history at \(path) (\(said))")
    case .SQLITE_NOMEM:
      self.init(.unavailable, "no memory left to use the history at \(path)", advice: "free memory and try again")
    default:
      // MISUSE is what a closed connection says.
      self.init(
        error.resultCode == .SQLITE_MISUSE ? .unavailable : .bug, "the history at \(path) failed: \(error)")
    }
  }

  private static var damageAdvice: String {
    "`apus history check` lists the damage. \(HistoryCheck.recoveryAdvice)"
  }
}

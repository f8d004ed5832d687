import Foundation
import Serving

/// Holds a file lock for as long as it lives, so that two coordinators, or two workers of one name, never share a directory.
final class DirectoryLock {
  private let descriptor: Int32

  /// - Parameters:
  ///   - holder: who has it, as a second one is told.
  ///   - advice: what a second one may do about it.
  /// - Throws: `unavailable` when another process holds it.
  init(
    path: String, of holder: String = "coordinator",
    advice: String = "stop it, or give this one a directory of its own with --state DIR"
  ) throws(ApusError) {
    descriptor = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw ApusError(.disk, "cannot open the lock \(path): \(String(cString: strerror(errno)))")
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      // The descriptor is closed by deinit, which runs for a class whose properties are all set.
      throw ApusError(
        .unavailable, "another \(holder) runs on this state directory (\(path) is locked)",
        advice: advice)
    }
  }

  deinit { close(descriptor) }
}

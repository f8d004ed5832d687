import Foundation
import Messaging
import Serving

/// A state directory of a benchmark's own, removed with everything in it when nobody holds it any more.
final class TemporaryState: Sendable {
  let path: String
  var ring: KeyRing { KeyRing(directory: path + "/keys") }

  /// - Throws: `disk` when it cannot be made.
  init() throws(ApusError) {
    path = FileManager.default.temporaryDirectory.path + "/apus-benchmarks-\(UUID().uuidString)"
    do {
      try FileManager.default.createDirectory(atPath: path + "/models", withIntermediateDirectories: true)
    } catch {
      throw ApusError(.disk, "cannot make \(path): \(error)", advice: "name a writable place with TMPDIR")
    }
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)  // what stays costs only room in a temporary directory
  }
}

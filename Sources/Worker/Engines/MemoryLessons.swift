import Acceleration
import FoundationEssentials
import Serving
import Synchronization

/// What this worker's own measurements taught about memory estimates: how many engines fit side by side depends on it.
///
/// Kept in a file, so that a worker that starts again does not begin with what it knew at first. A file that is missing
/// or cannot be read costs only that knowledge.
final class MemoryLessons: Sendable {
  private let path: String
  private let learned: Mutex<MemoryCorrections>

  init(path: String) {
    self.path = path
    let stored = FileManager.default.contents(atPath: path)
      .flatMap { try? JSONDecoder().decode(MemoryCorrections.self, from: $0) }
    learned = Mutex(stored ?? MemoryCorrections())
  }

  var corrections: MemoryCorrections { learned.withLock { $0 } }

  func learn(_ measurement: Measurement) { learned.withLock { $0.insert(measurement) } }

  /// Writes the file whole or not at all. A failure is harmless: it is tried again after the next trial.
  func keep() {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    guard let data = try? encoder.encode(corrections) else { return }
    try? data.write(to: URL(filePath: path), options: .atomic)
  }
}

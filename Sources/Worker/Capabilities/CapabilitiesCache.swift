import Foundation
import Serving

/// The last measured profile in a file, so that a worker that restarts is there at once.
///
/// It holds for one boot and one description of the machine: another processor, core list, memory or GPU, or another
/// boot (a virtual machine may have moved), means to measure anew.
struct CapabilitiesCache {
  let path: String

  private struct Entry: Codable {
    var key: String
    var profile: HardwareProfile
  }

  /// The stored profile measured under `key`; nil when there is none or the file cannot be read, which only costs time.
  func profile(for key: String) -> HardwareProfile? {
    guard let data = FileManager.default.contents(atPath: path),
      let entry = try? JSONDecoder().decode(Entry.self, from: data), entry.key == key
    else { return nil }
    return entry.profile
  }

  /// Failing to store is harmless: the next start measures again.
  func store(_ profile: HardwareProfile, for key: String) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    guard let data = try? encoder.encode(Entry(key: key, profile: profile)) else { return }
    let file = URL(fileURLWithPath: path)
    try? FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try? data.write(to: file, options: .atomic)
  }
}

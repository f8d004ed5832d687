import Foundation
import Serving

/// The services an earlier `apus quickstart --keep` left running on a state directory.
struct KeptServices {
  let state: StateDirectory

  private var file: String { state.path + "/services.pid" }

  func remember(_ processIDs: [Int32]) throws(ApusError) {
    do {
      try processIDs.map(String.init).joined(separator: "\n")
        .write(toFile: file, atomically: true, encoding: .utf8)
    } catch {
      throw ApusError(.disk, "cannot write \(file): \(error.localizedDescription)")
    }
  }

  /// Ends them, and waits up to ten seconds until they are gone. Processes that are not ours are left alone.
  func stop() async throws {
    guard let text = try? String(contentsOfFile: file, encoding: .utf8) else { return }
    let processIDs = text.split(separator: "\n").compactMap { Int32($0) }.filter(isOurs)
    if !processIDs.isEmpty { Console.print("stopping the services of an earlier run") }
    for processID in processIDs.reversed() { kill(processID, SIGTERM) }
    for _ in 0..<100 where processIDs.contains(where: isOurs) {
      try await Task.sleep(for: .milliseconds(100))
    }
    for processID in processIDs.filter(isOurs) { kill(processID, SIGKILL) }
    try? FileManager.default.removeItem(atPath: file)  // a stale list is checked before it is used
  }

  /// Process numbers are used again: only one that runs this program on this state directory is ours.
  private func isOurs(_ processID: Int32) -> Bool {
    guard let data = FileManager.default.contents(atPath: "/proc/\(processID)/cmdline") else { return false }
    let words = data.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    return (words.first?.hasSuffix("/apus") ?? false) && words.contains(state.path)
  }
}

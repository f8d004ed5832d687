import Foundation

/// The engines that a cluster's workers run, as the system sees them.
extension TestCluster {
  /// Process numbers of the engines of one worker, or of all of this cluster, whether their worker lives or not.
  func engines(of worker: String? = nil) -> [Int32] {
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return entries.compactMap { Int32($0) }.filter { number in
      let command = ForeignProcess.file("cmdline", of: number)
      guard command.contains(state), command.contains("server.py"), !command.contains("apus-engine-guard") else {
        return false
      }
      guard let worker else { return true }
      return processes[worker].map { ForeignProcess.isDescendant(number, of: $0.processID) } ?? false
    }
  }
}

/// A process that is not a test's own child, so that it is known by its number alone.
enum ForeignProcess {
  static func signal(_ number: Int32, _ signal: Int32) { _ = kill(number, signal) }

  /// Whether a signal stopped it, as SIGSTOP does.
  static func isStopped(_ number: Int32) -> Bool { status("State", of: number)?.hasPrefix("T") ?? false }

  static func isDescendant(_ number: Int32, of ancestor: Int32) -> Bool {
    var number = number
    while number > 1, number != ancestor { number = status("PPid", of: number).flatMap { Int32($0) } ?? 0 }
    return number == ancestor
  }

  private static func status(_ key: String, of number: Int32) -> String? {
    file("status", of: number).split(separator: "\n").first { $0.hasPrefix(key + ":") }?
      .dropFirst(key.count + 1).trimmingCharacters(in: .whitespaces)
  }

  fileprivate static func file(_ name: String, of number: Int32) -> String {
    String(decoding: FileManager.default.contents(atPath: "/proc/\(number)/\(name)") ?? Data(), as: UTF8.self)
  }
}

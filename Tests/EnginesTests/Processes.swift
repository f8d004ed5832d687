import Foundation
import Testing

/// What the tests of this folder ask the system about processes.
struct RunningProcess {
  var id: Int32
  /// Its arguments, separated by spaces.
  var command: String
}

func processes(withArgument text: String) -> [RunningProcess] {
  let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
  return names.compactMap { Int32($0) }.compactMap { id in
    guard id != getpid(), let bytes = FileManager.default.contents(atPath: "/proc/\(id)/cmdline") else { return nil }
    let command = String(decoding: bytes.map { $0 == 0 ? 0x20 : $0 }, as: UTF8.self)
    return command.contains(text) ? RunningProcess(id: id, command: command) : nil
  }
}

/// False for one that has ended, even while nobody has waited for it.
func processExists(_ id: Int32) -> Bool {
  guard let fields = statFields(of: id) else { return false }
  return fields[0] != "Z" && fields[0] != "X"
}

func parentProcess(of id: Int32) -> Int32? { statFields(of: id).flatMap { Int32($0[1]) } }

/// Fields of /proc/PID/stat after the name.
private func statFields(of id: Int32) -> [Substring]? {
  guard let bytes = FileManager.default.contents(atPath: "/proc/\(id)/stat") else { return nil }
  let text = String(decoding: bytes, as: UTF8.self)
  guard let bracket = text.lastIndex(of: ")") else { return nil }
  let fields = text[text.index(after: bracket)...].split(separator: " ")
  return fields.count > 2 ? fields : nil
}

/// Waits until something outside of our control has happened, for at most five minutes: a busy machine takes its time.
func eventually(
  _ condition: () -> Bool, sourceLocation: SourceLocation = #_sourceLocation
) async throws {
  let clock = ContinuousClock()
  let deadline = clock.now + .seconds(300)
  while !condition() {
    guard clock.now < deadline else {
      Issue.record("did not happen within five minutes", sourceLocation: sourceLocation)
      return
    }
    try await clock.sleep(for: .milliseconds(10))
  }
}

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

/// A port of 127.0.0.1 that nobody listens on. Not one of those that the kernel gives to every connection (from 32768 on):
/// another test's would have it before the engine does.
func freePort() -> Int {
  while true {
    let port = Int.random(in: 10_000..<32_768)
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isFree = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) == 0 }
    }
    if isFree { return port }
  }
}

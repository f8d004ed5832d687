import Synchronization

/// What an engine and its guard say, taken on the child's thread and read by `EngineProcess`.
final class EngineLog: Sendable {
  enum Readiness: Hashable, Sendable {
    case ready(baseURL: String)
    case ended
    /// The time-out came first.
    case late
    /// The starting task was cancelled first.
    case cancelled
  }

  private struct State {
    var tail = LogTail()
    var report = GuardReport()
    /// Where the engine says it answers. It counts once its process is known too: the two come through two pipes.
    var baseURL: String?
    /// The first answer counts.
    var readiness: Readiness?
    var waiter: CheckedContinuation<Readiness, Never>?
  }
  private let state = Mutex(State())

  var report: GuardReport { state.withLock { $0.report } }
  var text: String { state.withLock { $0.tail.text } }
  var isDecided: Bool { state.withLock { $0.readiness != nil } }

  func takeError(_ line: String) { state.withLock { $0.tail.append(line) } }

  func takeStatus(_ line: String) {
    state.withLock { $0.report.take(line) }
    decideIfReady()
  }

  func takeOutput(_ line: String, announces: Bool) {
    takeError(line)
    let words = line.split(separator: " ")
    guard announces, words.count >= 2, words[0] == "READY", words[1].hasPrefix("http://") else { return }
    answers(at: String(words[1].hasSuffix("/") ? words[1].dropLast() : words[1]))
  }

  func answers(at baseURL: String) {
    state.withLock { $0.baseURL = $0.baseURL ?? baseURL }
    decideIfReady()
  }

  private func decideIfReady() {
    let baseURL = state.withLock { $0.report.engineProcessID == nil ? nil : $0.baseURL }
    if let baseURL { decide(.ready(baseURL: baseURL)) }
  }

  func decide(_ readiness: Readiness) {
    let waiter: CheckedContinuation<Readiness, Never>? = state.withLock { state in
      guard state.readiness == nil else { return nil }
      state.readiness = readiness
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.resume(returning: readiness)
  }

  /// Waits for the first answer; `cancelled` when the task is. One task may wait.
  func readiness() async -> Readiness {
    await withTaskCancellationHandler {
      await withCheckedContinuation { waiter in
        let known: Readiness? = state.withLock { state in
          if state.readiness == nil { state.waiter = waiter }
          return state.readiness
        }
        if let known { waiter.resume(returning: known) }
      }
    } onCancel: {
      decide(.cancelled)
    }
  }
}

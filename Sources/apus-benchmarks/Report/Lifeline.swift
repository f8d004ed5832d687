import Foundation

/// Standard input of a process that a benchmark started: it closes when the benchmark is done with it, or gone.
enum Lifeline {
  static func untilCut() async {
    await withCheckedContinuation { waiting in
      Thread.detachNewThread {
        _ = try? FileHandle.standardInput.readToEnd()
        waiting.resume()
      }
    }
  }
}

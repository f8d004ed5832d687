import Dispatch
import Foundation
import Synchronization

/// Threads for work that blocks or must have a core to itself, so that Swift's cooperative pool stays free.
enum OwnThreads {
  /// Runs `body` once on each of `count` new threads at the same time and waits for all. Blocks the caller.
  static func run(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let all = DispatchGroup()
    for index in 0..<count {
      all.enter()
      Thread {
        body(index)
        all.leave()
      }.start()
    }
    all.wait()
  }

  /// Runs a blocking `body` on one new thread and suspends until it is done.
  static func result<Value: Sendable>(of body: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { waiting in
      Thread { waiting.resume(returning: body()) }.start()
    }
  }
}

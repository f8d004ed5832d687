import Synchronization

/// Whether a flush of the tokens that wait is on its way: one timer for all streams, however many ask for it.
final class FlushTimer: Sendable {
  private let isRunning = Atomic(false)

  /// - Returns: whether the caller is to begin it.
  func begin() -> Bool { !isRunning.exchange(true, ordering: .acquiringAndReleasing) }

  /// Called before the streams are flushed: tokens that come meanwhile may need another.
  func end() { isRunning.store(false, ordering: .releasing) }
}

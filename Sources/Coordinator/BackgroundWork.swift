/// Work that a message starts and that must not keep the poll thread: queries, rankings, trainings.
///
/// One task owns all of it; ending that task cancels what runs. Who starts work bounds it: queries are counted, and
/// there is one ranking for each key and one training.
final class BackgroundWork: Sendable {
  typealias Operation = @Sendable () async -> Void

  private let operations: AsyncStream<Operation>.Continuation
  private let task: Task<Void, Never>

  init() {
    let (stream, continuation) = AsyncStream.makeStream(of: Operation.self)
    operations = continuation
    task = Task {
      await withDiscardingTaskGroup { group in
        for await operation in stream {
          group.addTask { await operation() }
        }
        group.cancelAll()
      }
    }
  }

  func start(_ operation: @escaping Operation) { operations.yield(operation) }

  /// Cancels what runs and waits for it.
  func stop() async {
    operations.finish()
    task.cancel()
    await task.value
  }
}

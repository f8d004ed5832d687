import NIOCore
import NIOPosix
import Synchronization

/// Runs the steps of a task on one event loop of the process.
///
/// A connection is opened on the loop that asks for it, so a task that prefers this executor reads on the thread that the
/// bytes come by. Waking another thread for each token costs more than reading it. Nothing in the task may block.
final class EventLoopExecutor: TaskExecutor {
  /// One for each loop; they live as long as the process.
  private static let all = MultiThreadedEventLoopGroup.singleton.makeIterator().map { EventLoopExecutor($0) }
  private static let turns = Atomic<UInt>(0)

  /// The executors in turn.
  static func next() -> EventLoopExecutor {
    all[Int(turns.wrappingAdd(1, ordering: .relaxed).oldValue % UInt(all.count))]
  }

  let loop: any EventLoop

  private init(_ loop: any EventLoop) { self.loop = loop }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}

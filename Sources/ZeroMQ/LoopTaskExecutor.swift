/// Runs the steps of tasks on a loop's thread, among what the loop does for its sockets.
///
/// A task that takes what a socket brings, or has something to send, is then where the socket is: waking another thread
/// for each message costs more than most messages do. Nothing in such a task may block or take long.
public final class LoopTaskExecutor: TaskExecutor {
  private let loop: PollLoop

  public init(_ loop: PollLoop) { self.loop = loop }

  public func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}

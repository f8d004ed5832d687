import Glibc

/// Runs long computations off the threads that all tasks share.
public enum OwnThread {
  /// - Throws: what `work` throws, or that the system gives no more threads.
  public static func run<Result: Sendable>(
    _ work: @escaping @Sendable () throws(LearningError) -> Result
  ) async throws(LearningError) -> Result {
    let outcome: Swift.Result<Result, LearningError> = await withCheckedContinuation { continuation in
      let start = Start { continuation.resume(returning: Self.outcome(work)) }
      var thread = pthread_t()
      let status = pthread_create(
        &thread, nil,
        { argument in
          Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue().work()
          return nil
        }, Unmanaged.passRetained(start).toOpaque())
      guard status == 0 else {
        Unmanaged.passUnretained(start).release()
        continuation.resume(returning: .failure(LearningError("the system gives no more threads (\(status))")))
        return
      }
      pthread_detach(thread)
    }
    return try outcome.get()
  }

  private static func outcome<Result>(
    _ work: () throws(LearningError) -> Result
  ) -> Swift.Result<Result, LearningError> {
    do { return .success(try work()) } catch { return .failure(error) }
  }

  private final class Start: Sendable {
    let work: @Sendable () -> Void

    init(_ work: @escaping @Sendable () -> Void) { self.work = work }
  }
}

import Glibc
import Synchronization

/// Work spread over threads of its own, never over those that all tasks share. Blocks the caller, who therefore calls
/// it from a thread that may wait.
public enum ParallelLoop {
  /// Calls `body` once with each index below `count`, on at most `threadCount` threads with this one included. The order
  /// is not defined: what `body` does must not depend on it.
  public static func run(count: Int, threadCount: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let helpers = min(threadCount, count) - 1
    guard helpers > 0 else {
      for index in 0..<count { body(index) }
      return
    }
    let work = Work(count: count, body: body)
    var threads: [pthread_t] = []
    for _ in 0..<helpers {
      var thread = pthread_t()
      let status = pthread_create(
        &thread, nil,
        { argument in
          Unmanaged<Work>.fromOpaque(argument!).takeRetainedValue().drain()
          return nil
        }, Unmanaged.passRetained(work).toOpaque())
      if status == 0 {
        threads.append(thread)
      } else {
        // The system gives no more threads: the others do its share.
        Unmanaged.passUnretained(work).release()
        break
      }
    }
    work.drain()
    for thread in threads { pthread_join(thread, nil) }
  }

  /// The results of `body` in the order of the indices.
  public static func map<Result: Sendable>(
    count: Int, threadCount: Int, _ body: @escaping @Sendable (Int) -> Result
  ) -> [Result] {
    let results = Results<Result>(count: count)
    run(count: count, threadCount: threadCount) { results.set($0, body($0)) }
    return results.all
  }

  /// Hands out each index once.
  private final class Work: Sendable {
    private let next = Atomic(0)
    private let count: Int
    private let body: @Sendable (Int) -> Void

    init(count: Int, body: @escaping @Sendable (Int) -> Void) {
      self.count = count
      self.body = body
    }

    func drain() {
      while true {
        let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
        guard index < count else { return }
        body(index)
      }
    }
  }

  private final class Results<Result: Sendable>: Sendable {
    private let values: Mutex<[Result?]>

    init(count: Int) { values = Mutex([Result?](repeating: nil, count: count)) }

    func set(_ index: Int, _ value: Result) { values.withLock { $0[index] = value } }
    var all: [Result] { values.withLock { $0.map { $0! } } }
  }
}

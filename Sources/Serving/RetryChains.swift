/// Jobs that were lost, each with the last one that tried it again and was lost too.
///
/// Made before the first is tried again: a new try that fails at once is not taken for an old one.
public struct RetryChains: Sendable {
  private let tries: [JobID: JobID]

  /// - Parameter lost: All failed and cancelled jobs, in any order.
  public init(lost: [JobRecord]) {
    let known = lost.compactMap { record in RetryKey.original(of: record).map { ($0, record) } }
    tries = Dictionary(known, uniquingKeysWith: { $0.submittedAtMS < $1.submittedAtMS ? $1 : $0 }).mapValues(\.id)
  }

  /// The last of the jobs that tried `job` again, one after the other; `job` itself where none did.
  public func lastTry(of job: JobID) -> JobID {
    var last = job
    // A job tries an older one again; the bound holds whatever the records say.
    for _ in tries {
      guard let next = tries[last] else { break }
      last = next
    }
    return last
  }
}

import Serving

/// Lets appends that arrive while a commit runs share the next one.
///
/// A commit waits for the disk, so one commit for each append would bound the rate by the disk's latency. Here the first
/// append leads: it commits at once. Those that come meanwhile wait; when the commit is done the first of them leads
/// the next one and takes the others with it (as group commit in databases does). No task of its own is needed, and the
/// cancellation of one append never touches the others.
actor GroupCommit<Record: Sendable> {
  /// Commits appends in one transaction each or together; gives one result for each append, in order.
  typealias Commit = @Sendable (_ appends: [[Record]]) async -> [Result<Void, ApusError>]

  private enum Turn {
    case done(Result<Void, ApusError>)
    case lead
  }

  private struct Waiter {
    let records: [Record]
    let turn: CheckedContinuation<Turn, Never>
  }

  private let commit: Commit
  /// Most records that may wait for a commit.
  private let backlogLimit: Int
  /// Most records in one commit, so that nobody waits long behind a large group.
  private let groupLimit: Int
  private var waiting: [Waiter] = []
  private var waitingRecordCount = 0
  private var isCommitting = false
  private var isClosed = false
  private var closers: [CheckedContinuation<Void, Never>] = []

  /// Appends refused because the backlog was full.
  private(set) var refusedCount = 0
  /// Most records that ever waited.
  private(set) var highestBacklog = 0
  /// Records that wait now.
  var backlog: Int { waitingRecordCount }

  init(backlogLimit: Int, groupLimit: Int, commit: @escaping Commit) {
    precondition(backlogLimit > 0 && groupLimit > 0, "a backlog and a group hold at least one record")
    self.backlogLimit = backlogLimit
    self.groupLimit = groupLimit
    self.commit = commit
  }

  /// - Throws: `tryAgain` when too many records wait already, `unavailable` after `close`, or what the commit said.
  func append(_ records: [Record]) async throws(ApusError) {
    if isClosed { throw ApusError(.unavailable, "the history is closed") }
    if isCommitting {
      // Whatever its size, an append is taken when nothing else waits: otherwise it could never be.
      guard waiting.isEmpty || waitingRecordCount + records.count <= backlogLimit else {
        refusedCount += 1
        throw ApusError(
          .tryAgain, "\(waitingRecordCount) records already wait for the history's disk",
          advice: "wait a moment; when it lasts, look for what keeps the disk busy")
      }
      let turn = await withCheckedContinuation { turn in
        waiting.append(Waiter(records: records, turn: turn))
        waitingRecordCount += records.count
        highestBacklog = max(highestBacklog, waitingRecordCount)
      }
      if case .done(let result) = turn { return try result.get() }
    }
    isCommitting = true
    try await lead(records).get()
  }

  /// Waits until everything accepted is committed; refuses what comes later.
  ///
  /// - Returns: Whether this was the first call.
  func close() async -> Bool {
    let isFirst = !isClosed
    isClosed = true
    if isCommitting { await withCheckedContinuation { closers.append($0) } }
    return isFirst
  }

  private func lead(_ records: [Record]) async -> Result<Void, ApusError> {
    let followers = takeFollowers(room: groupLimit - records.count)
    let results = await commit([records] + followers.map(\.records))
    precondition(results.count == followers.count + 1, "one result for each append")
    for (follower, result) in zip(followers, results.dropFirst()) { follower.turn.resume(returning: .done(result)) }
    passOn()
    return results[0]
  }

  private func takeFollowers(room: Int) -> [Waiter] {
    var room = room
    let count = waiting.prefix { waiter in
      room -= waiter.records.count
      return room >= 0
    }.count
    let followers = Array(waiting.prefix(count))
    waiting.removeFirst(count)
    waitingRecordCount -= followers.reduce(0) { $0 + $1.records.count }
    return followers
  }

  private func passOn() {
    if waiting.isEmpty {
      isCommitting = false
      for closer in closers { closer.resume() }
      closers = []
    } else {
      let next = waiting.removeFirst()
      waitingRecordCount -= next.records.count
      next.turn.resume(returning: .lead)
    }
  }
}

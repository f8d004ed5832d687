import Serving
import Synchronization
import Testing

@testable import History

/// Appends that wait together share a commit, in order, with a bound on how many wait. The commit is a gate that the
/// test opens, so nothing depends on time.
@Suite struct GroupCommitTests {
  /// A commit that waits until the test lets it end.
  final class Gate: Sendable {
    private struct State {
      var groups: [[[Int]]] = []
      var held: [CheckedContinuation<Void, Never>] = []
      var arrivals: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())
    var groups: [[[Int]]] { state.withLock { $0.groups } }

    func commit(_ appends: [[Int]]) async -> [Result<Void, ApusError>] {
      await withCheckedContinuation { held in
        let arrivals = state.withLock { state in
          state.groups.append(appends)
          state.held.append(held)
          defer { state.arrivals = [] }
          return state.arrivals
        }
        for arrival in arrivals { arrival.resume() }
      }
      return appends.map { $0.contains(13) ? .failure(ApusError(.disk, "thirteen")) : .success(()) }
    }

    /// Waits until commit number `count` has begun.
    func began(_ count: Int) async {
      while groups.count < count {
        await withCheckedContinuation { arrival in
          let isThere = state.withLock { state in
            if state.groups.count < count { state.arrivals.append(arrival) }
            return state.groups.count >= count
          }
          if isThere { arrival.resume() }
        }
      }
    }

    func open() {
      let held = state.withLock { state in
        defer { state.held = [] }
        return state.held
      }
      for one in held { one.resume() }
    }
  }

  private func backlog(of commits: GroupCommit<Int>, reaches count: Int) async {
    while await commits.backlog < count { await Task.yield() }
  }

  @Test func appendsThatWaitShareTheNextCommit() async throws {
    let gate = Gate()
    let commits = GroupCommit<Int>(backlogLimit: 100, groupLimit: 5, commit: gate.commit)
    try await withThrowingTaskGroup { group in
      group.addTask { try await commits.append([1]) }
      await gate.began(1)
      for number in 2...7 {
        group.addTask { try await commits.append([number]) }
        await backlog(of: commits, reaches: number - 1)
      }
      gate.open()
      await gate.began(2)
      gate.open()
      await gate.began(3)
      gate.open()
      try await group.waitForAll()
    }
    #expect(gate.groups == [[[1]], [[2], [3], [4], [5], [6]], [[7]]], "in order, at most five together")
  }

  @Test func oneFailureIsOnlyItsOwn() async throws {
    let gate = Gate()
    let commits = GroupCommit<Int>(backlogLimit: 100, groupLimit: 100, commit: gate.commit)
    let codes = await withTaskGroup(of: (Int, FailureCode?).self) { group in
      group.addTask { (1, await refusal { () throws(ApusError) in try await commits.append([1]) }?.code) }
      await gate.began(1)
      for number in 12...14 {
        group.addTask { (number, await refusal { () throws(ApusError) in try await commits.append([number]) }?.code) }
        await backlog(of: commits, reaches: number - 11)
      }
      gate.open()
      await gate.began(2)
      gate.open()
      return await group.reduce(into: [Int: FailureCode?]()) { $0[$1.0] = $1.1 }
    }
    #expect(codes == [1: nil, 12: nil, 13: .disk, 14: nil])
  }

  @Test func aFullBacklogRefuses() async throws {
    let gate = Gate()
    let commits = GroupCommit<Int>(backlogLimit: 3, groupLimit: 10, commit: gate.commit)
    try await withThrowingTaskGroup { group in
      group.addTask { try await commits.append([1]) }
      await gate.began(1)
      group.addTask { try await commits.append([2, 3, 4, 5]) }
      await backlog(of: commits, reaches: 4)
      let refused = await refusal { () throws(ApusError) in try await commits.append([6]) }
      #expect(refused?.code == .tryAgain)
      #expect(refused?.isRetriable == true)
      gate.open()
      await gate.began(2)
      gate.open()
      try await group.waitForAll()
    }
    #expect(gate.groups == [[[1]], [[2, 3, 4, 5]]], "a large append is taken when nothing else waits")
    #expect(await commits.refusedCount == 1)
    #expect(await commits.highestBacklog == 4)
  }

  @Test func closingWaitsForWhatWasAccepted() async throws {
    let gate = Gate()
    let commits = GroupCommit<Int>(backlogLimit: 3, groupLimit: 10, commit: gate.commit)
    try await withThrowingTaskGroup { group in
      group.addTask { try await commits.append([1]) }
      await gate.began(1)
      group.addTask { try await commits.append([2]) }
      await backlog(of: commits, reaches: 1)
      group.addTask { #expect(await commits.close()) }
      gate.open()
      await gate.began(2)
      gate.open()
      try await group.waitForAll()
    }
    #expect(gate.groups == [[[1]], [[2]]])
    #expect(await !commits.close(), "only the first call closes")
    let refused = await refusal { () throws(ApusError) in try await commits.append([3]) }
    #expect(refused?.code == .unavailable)
  }

  /// A caller that goes away neither loses its append nor stops the commit it leads for others.
  @Test func cancellationTouchesNobody() async throws {
    let gate = Gate()
    let commits = GroupCommit<Int>(backlogLimit: 10, groupLimit: 10, commit: gate.commit)
    let leader = Task { try await commits.append([1]) }
    await gate.began(1)
    let follower = Task { try await commits.append([2]) }
    await backlog(of: commits, reaches: 1)
    leader.cancel()
    follower.cancel()
    gate.open()
    await gate.began(2)
    gate.open()
    try await leader.value
    try await follower.value
    #expect(gate.groups == [[[1]], [[2]]])
  }
}

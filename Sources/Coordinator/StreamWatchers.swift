import Messaging
import Serving

/// A request that is answered more than once: where its answers go.
struct Asker: Hashable, Sendable {
  var peer: Peer
  var request: UInt64
}

/// How much of an answer somebody has.
public struct StreamPlace: Hashable, Sendable {
  public var tokens = 0
  public var textBytes = 0
  public var logprobs = 0
  public var toolCallPieces = 0

  public init() {}

  mutating func advance(by chunk: TokenChunk) {
    tokens += chunk.tokenIDs.count
    textBytes += chunk.text.utf8.count
    logprobs += chunk.logprobs.count
    toolCallPieces += chunk.toolCalls.count
  }
}

/// Who watches which job, and how far each one has been shown.
///
/// A watcher whose connection is full falls behind: it is not sent the chunks in between, and gets everything it
/// missed in one piece once there is room. So a slow client costs no memory beyond the job's own tokens.
struct StreamWatchers: Sendable {
  struct Watcher: Sendable {
    let asker: Asker
    var place = StreamPlace()
    var isBehind = false
  }

  private(set) var watchers: [JobID: [Watcher]] = [:]
  /// Jobs with a watcher that is behind.
  private(set) var lateJobs: Set<JobID> = []

  /// Most watchers of a job on one connection: each is sent all of its tokens.
  static let mostOfAPeer = 8

  /// - Returns: the oldest watcher of the same connection, where it had to make room.
  mutating func add(_ asker: Asker, to job: JobID) -> Asker? {
    func join(_ list: inout [Watcher]) -> Asker? {
      var displaced: Asker?
      if list.count >= Self.mostOfAPeer, list.count(where: { $0.asker.peer == asker.peer }) >= Self.mostOfAPeer,
        let oldest = list.firstIndex(where: { $0.asker.peer == asker.peer })
      {
        displaced = list.remove(at: oldest).asker
      }
      list.append(Watcher(asker: asker))
      return displaced
    }
    return join(&watchers[job, default: []])
  }

  /// Sends a chunk to those who are up to date.
  ///
  /// - Parameter send: says what became of it.
  mutating func relay(_ chunk: TokenChunk, _ send: (Asker, ClientResponse) -> SendResult) {
    guard let index = watchers.index(forKey: chunk.job) else { return }
    for watcher in watchers.values[index].indices where !watchers.values[index][watcher].isBehind {
      guard watchers.values[index][watcher].place.tokens == chunk.firstIndex else {
        watchers.values[index][watcher].isBehind = true
        lateJobs.insert(chunk.job)
        continue
      }
      switch send(watchers.values[index][watcher].asker, .tokens(chunk)) {
      case .sent:
        watchers.values[index][watcher].place.advance(by: chunk)
      case .full, .gone:
        // One that is gone is forgotten when it is to catch up.
        watchers.values[index][watcher].isBehind = true
        lateJobs.insert(chunk.job)
      }
    }
  }

  /// Brings those behind up to date, as far as their connections take it. Watchers that are gone are forgotten.
  ///
  /// - Returns: whether they were the last: nobody watches the job any more.
  @discardableResult mutating func catchUp(
    _ job: JobID, shown: (_ behind: StreamPlace) -> GeneratedTokens?,
    send: (Asker, ClientResponse) -> SendResult
  ) -> Bool {
    lateJobs.remove(job)
    guard let list = watchers.removeValue(forKey: job) else { return false }
    var kept: [Watcher] = []
    for var watcher in list {
      watcher.isBehind = false
      guard let missed = shown(watcher.place) else {
        kept.append(watcher)
        continue
      }
      let chunk = TokenChunk(job: job, lease: LeaseID(""), firstIndex: watcher.place.tokens, missed)
      switch send(watcher.asker, .tokens(chunk)) {
      case .sent:
        watcher.place.advance(by: chunk)
        kept.append(watcher)
      case .full:
        watcher.isBehind = true
        lateJobs.insert(job)
        kept.append(watcher)
      case .gone:
        break
      }
    }
    guard !kept.isEmpty else { return true }
    watchers[job] = kept
    return false
  }

  /// Those who watch a job.
  func askers(of job: JobID) -> [Asker] { watchers[job]?.map(\.asker) ?? [] }

  /// The job is over: those who are still to be told.
  mutating func remove(_ job: JobID) -> [Asker] {
    if !lateJobs.isEmpty { lateJobs.remove(job) }
    return watchers.removeValue(forKey: job)?.map(\.asker) ?? []
  }
}

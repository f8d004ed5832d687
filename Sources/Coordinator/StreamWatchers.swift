import Messaging
import Serving

/// A request that is answered more than once: where its answers go.
struct Asker: Hashable, Sendable {
  var peer: Peer
  var request: UInt64
}

/// Who watches which job, and how far each one has been shown.
///
/// A watcher whose connection is full falls behind: it is not sent the chunks in between, and gets everything it
/// missed in one piece once there is room. So a slow client costs no memory beyond the job's own tokens.
struct StreamWatchers: Sendable {
  struct Watcher: Sendable {
    let asker: Asker
    var shownTokens = 0
    var shownBytes = 0
    var isBehind = false
  }

  private(set) var watchers: [JobID: [Watcher]] = [:]
  /// Jobs with a watcher that is behind.
  private(set) var lateJobs: Set<JobID> = []

  mutating func add(_ asker: Asker, to job: JobID) {
    watchers[job, default: []].append(Watcher(asker: asker))
  }

  /// Sends a chunk to those who are up to date.
  ///
  /// - Parameter send: says what became of it.
  mutating func relay(_ chunk: TokenChunk, _ send: (Asker, ClientResponse) -> SendResult) {
    guard let index = watchers.index(forKey: chunk.job) else { return }
    for place in watchers.values[index].indices where !watchers.values[index][place].isBehind {
      guard watchers.values[index][place].shownTokens == chunk.firstIndex else {
        watchers.values[index][place].isBehind = true
        lateJobs.insert(chunk.job)
        continue
      }
      switch send(watchers.values[index][place].asker, .tokens(chunk)) {
      case .sent:
        watchers.values[index][place].shownTokens += chunk.tokenIDs.count
        watchers.values[index][place].shownBytes += chunk.text.utf8.count
      case .full, .gone:
        // One that is gone is forgotten when it is to catch up.
        watchers.values[index][place].isBehind = true
        lateJobs.insert(chunk.job)
      }
    }
  }

  /// Brings those behind up to date, as far as their connections take it. Watchers that are gone are forgotten.
  mutating func catchUp(
    _ job: JobID, shown: (_ first: Int, _ textBytes: Int) -> (tokenIDs: [Int32], text: String)?,
    send: (Asker, ClientResponse) -> SendResult
  ) {
    lateJobs.remove(job)
    guard let list = watchers.removeValue(forKey: job) else { return }
    var kept: [Watcher] = []
    for var watcher in list {
      watcher.isBehind = false
      guard let missed = shown(watcher.shownTokens, watcher.shownBytes) else {
        kept.append(watcher)
        continue
      }
      let chunk = TokenChunk(
        job: job, lease: LeaseID(""), firstIndex: watcher.shownTokens, tokenIDs: missed.tokenIDs, text: missed.text)
      switch send(watcher.asker, .tokens(chunk)) {
      case .sent:
        watcher.shownTokens += missed.tokenIDs.count
        watcher.shownBytes += missed.text.utf8.count
        kept.append(watcher)
      case .full:
        watcher.isBehind = true
        lateJobs.insert(job)
        kept.append(watcher)
      case .gone:
        break
      }
    }
    if !kept.isEmpty { watchers[job] = kept }
  }

  /// Those who watch a job.
  func askers(of job: JobID) -> [Asker] { watchers[job]?.map(\.asker) ?? [] }

  /// The job is over: those who are still to be told.
  mutating func remove(_ job: JobID) -> [Asker] {
    lateJobs.remove(job)
    return watchers.removeValue(forKey: job)?.map(\.asker) ?? []
  }
}

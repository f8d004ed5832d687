import Messaging
import Serving

@testable import Gateway

/// A coordinator's end of a gateway's connection, which answers what a test says.
final class ScriptedCoordinator: ClientEndpoint {
  typealias Question = (id: UInt64, request: ClientRequest)

  let events: AsyncStream<ConnectionEvent>
  private let event: AsyncStream<ConnectionEvent>.Continuation
  private let questions: AsyncStream<Question>
  private let question: AsyncStream<Question>.Continuation

  init() {
    (events, event) = AsyncStream.makeStream()
    (questions, question) = AsyncStream.makeStream()
  }

  func send(_ message: Message) async throws(ApusError) {
    if case .request(let id, let request) = message { question.yield((id, request)) }
  }

  func close() { event.finish() }

  func connect() {
    event.yield(.connected)
    event.yield(.message(.welcome(Welcome(peer: "gateway", heartbeatMS: 1000))))
  }

  func answer(_ id: UInt64, _ response: ClientResponse) { event.yield(.message(.response(id: id, response))) }

  /// The next request. One task at a time may wait for it.
  func next() async -> Question {
    var iterator = questions.makeAsyncIterator()
    return await iterator.next()!
  }

  /// The next request, which is for so many jobs to be cancelled, in any order.
  func cancelled(_ count: Int) async -> Set<JobID> {
    var jobs: Set<JobID> = []
    for _ in 0..<count {
      let question = await next()
      guard case .cancelJob(let job) = question.request else { continue }
      jobs.insert(job)
      answer(question.id, .done)
    }
    return jobs
  }

  /// Runs `body` with a link that is up.
  static func withLink(_ body: (CoordinatorLink, ScriptedCoordinator) async throws -> Void) async throws {
    let coordinator = ScriptedCoordinator()
    let link = CoordinatorLink(coordinator, address: "here")
    let running = Task { await link.run() }
    coordinator.connect()
    while await !link.isUp { await Task.yield() }
    try await body(link, coordinator)
    link.close()
    await running.value
  }
}

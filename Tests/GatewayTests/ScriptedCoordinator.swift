import Logging
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
  private let hellos: AsyncStream<Void>
  private let hello: AsyncStream<Void>.Continuation

  init() {
    (events, event) = AsyncStream.makeStream()
    (hellos, hello) = AsyncStream.makeStream()
    (questions, question) = AsyncStream.makeStream()
  }

  func send(_ message: Message) async throws(ApusError) {
    // As what the network takes, so that a test finds out what the client is told.
    do throws(CodecError) {
      _ = try MessageCodec().encode(message)
    } catch {
      throw error.failure
    }
    switch message {
    case .request(let id, let request): question.yield((id, request))
    case .hello: hello.yield()
    default: break
    }
  }

  func close() { event.finish() }

  func connect() {
    event.yield(.connected)
    welcome()
  }

  func welcome() { event.yield(.message(.welcome(Welcome(peer: "gateway", heartbeatMS: 1000)))) }

  /// Refuses whatever came last.
  func refuse(_ error: ApusError) { event.yield(.message(.refused(error))) }

  /// Refuses the connection itself.
  func shutOut(_ error: ApusError) {
    event.yield(.refused(error))
    event.finish()
  }

  /// The next attempt to be let in, the first among them.
  func greeted() async {
    var iterator = hellos.makeAsyncIterator()
    _ = await iterator.next()
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
    let link = CoordinatorLink(
      coordinator, address: "here", logger: Logger(label: "test"), retryInterval: .milliseconds(1))
    let running = Task { try await link.run() }
    coordinator.connect()
    while await !link.isUp { await Task.yield() }
    try await body(link, coordinator)
    link.close()
    try await running.value
  }
}

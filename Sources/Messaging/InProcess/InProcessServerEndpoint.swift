import Serving
import ZeroMQ

/// The coordinator's end of an `InProcessNetwork`.
final class InProcessServerEndpoint: ServerEndpoint {
  let address: String
  private let loop = PollLoop(name: "apus-in-process")
  private let session: LoopConfined<InProcessServerSession>

  init(number: Int) {
    address = "inproc://apus-\(number)"
    session = LoopConfined(InProcessServerSession(), on: loop)
  }

  var executor: any SerialExecutor { loop }

  func start(receive: @escaping @Sendable (Peer, Message) -> Void) throws(ApusError) {
    session.perform { $0.start(receive) }
  }

  func send(_ message: Message, to peer: Peer) -> SendResult { session.value.send(message, to: peer) }
  func stop() { session.perform { $0.stop() } }

  /// Runs `body` after the stop that was asked for.
  func afterStop(_ body: @escaping @Sendable () -> Void) { loop.execute(body) }

  func attach(_ client: InProcessClientEndpoint) { session.perform { $0.attach(client) } }
  func detach(_ client: InProcessClientEndpoint) { session.perform { $0.detach(client, isClosed: false) } }
  func close(_ client: InProcessClientEndpoint) { session.perform { $0.detach(client, isClosed: true) } }

  func drain(_ client: InProcessClientEndpoint) {
    session.perform { [weak self] session in
      if session.drain(client) { self?.drainLater(client) }
    }
  }

  /// Lets the loop do something else first.
  private func drainLater(_ client: InProcessClientEndpoint) {
    loop.execute { [weak self] in self?.drain(client) }
  }
}

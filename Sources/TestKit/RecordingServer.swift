public import Messaging
import Serving

/// A coordinator's end that keeps what it is told. Lives on its endpoint's executor, as a coordinator does.
public actor RecordingServer {
  public struct Entry: Hashable, Sendable {
    public var peer: Peer
    public var message: Message
  }

  private struct Waiter {
    var number: Int
    var count: Int
    var continuation: CheckedContinuation<[Entry], Never>
  }

  public nonisolated let endpoint: any ServerEndpoint
  public nonisolated var unownedExecutor: UnownedSerialExecutor { endpoint.executor.asUnownedSerialExecutor() }

  private var entries: [Entry] = []
  private var waiters: [Waiter] = []
  private var lastWaiter = 0

  public init(_ endpoint: any ServerEndpoint) { self.endpoint = endpoint }

  public func start() throws {
    try endpoint.start { [unowned self] peer, message in
      // Proves on each message that delivery happens on the executor.
      self.assumeIsolated { $0.take(Entry(peer: peer, message: message)) }
    }
  }

  public func stop() { endpoint.stop() }

  /// Everything so far, once there are this many, or the task is cancelled.
  public func received(atLeast count: Int) async -> [Entry] {
    if entries.count >= count { return entries }
    lastWaiter += 1
    let number = lastWaiter
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        if Task.isCancelled {
          continuation.resume(returning: entries)
        } else {
          waiters.append(Waiter(number: number, count: count, continuation: continuation))
        }
      }
    } onCancel: {
      Task { await self.release(number) }
    }
  }

  private func release(_ number: Int) {
    guard let index = waiters.firstIndex(where: { $0.number == number }) else { return }
    waiters.remove(at: index).continuation.resume(returning: entries)
  }

  public func send(_ message: Message, to peer: Peer) -> SendResult { endpoint.send(message, to: peer) }

  /// Tries again while the peer is full.
  public func sendWhenThereIsRoom(_ message: Message, to peer: Peer) async throws {
    while true {
      switch endpoint.send(message, to: peer) {
      case .sent: return
      case .gone: throw ContractViolation("a connected peer stays connected", "\(peer.name) is gone")
      case .full: try await Task.sleep(for: .milliseconds(1))
      }
    }
  }

  /// Runs `body` on the executor.
  public func run(_ body: @Sendable () -> Void) { body() }

  private func take(_ entry: Entry) {
    entries.append(entry)
    let ready = waiters.filter { $0.count <= entries.count }
    waiters.removeAll { $0.count <= entries.count }
    for waiter in ready { waiter.continuation.resume(returning: entries) }
  }
}

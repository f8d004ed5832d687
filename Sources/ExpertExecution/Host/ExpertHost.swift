import Messaging
public import Serving
import ZeroMQ

/// Serves the experts of a model to hubs, over TCP with CURVE: loads what a hub asks for, and computes batches.
///
/// Three threads of its own: one for the sockets, one that computes, one that reads weights, so that a move of experts stops
/// neither. Ends, and frees the weights, with the last reference.
public final class ExpertHost: Sendable {
  /// Where it listens, with the port the system chose.
  public let address: String
  private let session: LoopConfined<ExpertHostSession>

  /// - Throws: `unavailable` when the address is taken, `usage` when it is none, `badInput` for keys that are none.
  public init(model: MoEModelFile, options: ExpertHostOptions) throws(ApusError) {
    let loop = PollLoop(name: "apus-host")
    let session: ExpertHostSession
    do throws(ZeroMQError) {
      session = try ExpertHostSession(model: model, options: options, loop: loop)
    } catch {
      throw ApusError(
        error.isInvalidArgument ? .usage : .unavailable, "cannot serve experts on \(options.address): \(error)",
        advice: "give a free address of this machine as tcp://HOST:PORT")
    }
    address = session.address
    self.session = LoopConfined(session, on: loop)
    self.session.perform { [weak confined = self.session] in $0.start(as: confined) }
  }

  /// Stops to listen; the address is free when it returns.
  public func stop() async {
    await withCheckedContinuation { done in
      session.perform {
        $0.stop()
        done.resume()
      }
    }
  }
}

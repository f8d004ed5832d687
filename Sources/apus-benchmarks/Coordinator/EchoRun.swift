import CEchoBenchmark
import Foundation
import Messaging
import Serving

/// One run of the plain C echo with the bytes of real messages.
struct EchoRun: Sendable {
  var state: TemporaryState
  var client: KeyPair
  var peers: Int
  var inFlight: Int
  /// Sent in turns.
  var bodies: [[UInt8]]
  /// Messages echoed before the measurement, and in it.
  var warmUpRoundTrips: Int
  var roundTrips: Int

  /// CPU seconds of the echo for each message; one that comes and goes back counts as two.
  func run() async throws -> Double {
    let server = try ChildService.start(
      [
        ChildService.program("apus-benchmarks"), "serve-echo", "--keys", state.ring.directory,
        "--skipped", "\(peers + warmUpRoundTrips)",
      ])
    let address = try await server.nextLine()
    let serverKey = try state.ring.publicKey("coordinator")
    let seconds = await onItsOwnThread { drive(address, serverKey) }
    guard seconds > 0 else { throw ApusError(.unavailable, "the echo does not answer") }
    let line = try await server.nextLine()
    await server.stop()
    let cost = try JSONDecoder().decode(ServeEcho.Cost.self, from: Data(line.utf8))
    return cost.cpuSeconds / Double(2 * cost.messages)
  }

  /// Blocks until all came back. Seconds it took; negative when the server fell silent.
  private func drive(_ address: String, _ serverKey: String) -> Double {
    let flat = bodies.flatMap { $0 }
    return flat.withUnsafeBufferPointer { buffer -> Double in
      guard let start = buffer.baseAddress else { return -1 }
      var places: [UnsafePointer<UInt8>?] = []
      var offset = 0
      for body in bodies {
        places.append(start + offset)
        offset += body.count
      }
      let sizes = bodies.map(\.count)
      return address.withCString { address in
        serverKey.withCString { serverKey in
          client.publicKey.withCString { publicKey in
            client.secretKey.withCString { secretKey in
              places.withUnsafeBufferPointer { places in
                sizes.withUnsafeBufferPointer { sizes in
                  var load = apus_echo_load(
                    address: address, server_key: serverKey, public_key: publicKey, secret_key: secretKey,
                    peers: Int32(peers), in_flight: Int32(inFlight),
                    round_trips: UInt64(warmUpRoundTrips + roundTrips), bodies: places.baseAddress,
                    body_sizes: sizes.baseAddress, body_count: bodies.count)
                  return apus_echo_drive(&load)
                }
              }
            }
          }
        }
      }
    }
  }

  private func onItsOwnThread(_ body: @escaping @Sendable () -> Double) async -> Double {
    await withCheckedContinuation { waiting in
      Thread.detachNewThread { waiting.resume(returning: body()) }
    }
  }
}

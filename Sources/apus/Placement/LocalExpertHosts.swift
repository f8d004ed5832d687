import Engines
import ExpertExecution
import ExpertPlacement
import Foundation
import Serving

/// Hosts of experts as processes of this machine, which end with this one.
final class LocalExpertHosts: Sendable {
  let addresses: [ExpertHostAddress]
  private let processes: [ChildProcess]

  private struct Introduction: Decodable {
    var address: String
    var publicKey: String

    private enum CodingKeys: String, CodingKey {
      case address
      case publicKey = "public_key"
    }
  }

  /// - Parameter speeds: the machines to play; nil computes as fast as this one can.
  init(
    model: String, hubKey: String, speeds: [PlacementHost.Speed?], isPassing: Bool
  ) async throws(ApusError) {
    var processes: [ChildProcess] = []
    var addresses: [ExpertHostAddress] = []
    for (index, speed) in speeds.enumerated() {
      var command = [
        ThisProgram.path, "placement", "host", "--model", model, "--hub-key=\(hubKey)", "--until-input-closes",
      ]
      if let speed {
        command += [
          "--emulated-gflop-per-s", "\(speed.operationsPerSecond / 1e9)", "--emulated-gb-per-s",
          "\(speed.memoryBytesPerSecond / 1e9)",
        ]
      }
      if isPassing { command.append("--passing") }
      let (lines, continuation) = AsyncStream.makeStream(of: String.self)
      let process = try ChildProcess.spawn(
        ChildProcess.Plan(
          command,
          // One thread for each host's products, said before OpenBLAS makes more.
          environment: ["OPENBLAS_NUM_THREADS": "1"], input: .lifeline, output: .lines { continuation.yield($0) }))
      processes.append(process)
      // The stream ends with the process, so that one that cannot start is not waited for.
      let watch = Task {
        _ = await process.end()
        continuation.finish()
      }
      defer { watch.cancel() }
      var iterator = lines.makeAsyncIterator()
      guard let line = await iterator.next(),
        let said = try? JSONDecoder().decode(Introduction.self, from: Data(line.utf8))
      else {
        throw ApusError(.unavailable, "host \(index) did not start", advice: "its own error is printed above")
      }
      addresses.append(
        ExpertHostAddress(name: "host-\(index)", address: said.address, publicKey: said.publicKey))
    }
    self.processes = processes
    self.addresses = addresses
  }

  /// Process ids, in the hosts' order.
  var processIDs: [Int32] { processes.map(\.processID) }

  func stop() { for process in processes { process.terminate() } }
}

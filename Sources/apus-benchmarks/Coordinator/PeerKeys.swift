import Foundation
import Messaging
import Serving

/// The keys of a coordinator, its workers and a client, made once for many runs.
struct PeerKeys {
  let state: TemporaryState
  let workers: [(name: String, keys: KeyPair)]
  let client: KeyPair

  init(count: Int) throws(ApusError) {
    state = try TemporaryState()
    let ring = state.ring
    try ring.generate("coordinator")
    client = try ring.generate("client", role: .client)
    var workers: [(name: String, keys: KeyPair)] = []
    for index in 0..<count {
      let name = "worker-\(index)"
      workers.append((name, try ring.generate(name, role: .worker)))
    }
    self.workers = workers
  }

  /// Gives another state directory the same keys.
  func copy(to other: TemporaryState) throws(ApusError) {
    do {
      try FileManager.default.copyItem(atPath: state.ring.directory, toPath: other.ring.directory)
    } catch {
      throw ApusError(.disk, "cannot copy keys to \(other.path): \(error)")
    }
  }
}

import Engines
import Foundation
import Gateway
import Logging
import Serving
import Synchronization

/// The API keys of a file that is read again once it has changed: those that are made and revoked count a second later.
final class LiveAPIKeys: Sendable {
  private struct State {
    var keys: [String: GatewayKey]
    /// Nil for no file.
    var changedAt: Date?
    var lookedAt: ContinuousClock.Instant
  }

  private static let freshness = Duration.seconds(1)

  private let file: APIKeyFile
  private let logger: Logger
  private let state: Mutex<State>

  /// - Throws: `badInput` for a file that has no keys in it.
  init(_ file: APIKeyFile, logger: Logger) throws(ApusError) {
    self.file = file
    self.logger = logger
    let changedAt = file.changedAt
    state = Mutex(State(keys: try file.read(), changedAt: changedAt, lookedAt: .now))
  }

  var isEmpty: Bool { state.withLock { $0.keys.isEmpty } }

  /// What is known of a key as clients give it; nil for one that is not.
  func find(_ key: String) -> GatewayKey? {
    let hash = SHA256.hexDigest(key)
    return state.withLock { state in
      refresh(&state)
      return state.keys[hash]
    }
  }

  private func refresh(_ state: inout State) {
    guard ContinuousClock.now - state.lookedAt >= Self.freshness else { return }
    state.lookedAt = .now
    let changedAt = file.changedAt
    guard changedAt != state.changedAt else { return }
    state.changedAt = changedAt
    do {
      state.keys = try file.read()
      logger.info("read \(state.keys.count) API keys in \(file.path)")
    } catch {
      // Whoever has a key goes on with it until the file is mended.
      logger.error("the API keys stay as they were: \(error.reason)")
    }
  }
}

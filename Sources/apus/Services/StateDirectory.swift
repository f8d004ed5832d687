import Foundation
import Serving

/// Where one node keeps what must outlive its processes: keys, models, engines, the history.
struct StateDirectory {
  let path: String

  init(_ path: String) {
    self.path = URL(fileURLWithPath: path).standardizedFileURL.path
  }

  var keys: String { path + "/keys" }
  var models: String { path + "/models" }
  var history: String { path + "/history.sqlite" }
  /// Where `apus history recover` puts what it saves.
  var recoveredHistory: String { path + "/history.recovered.sqlite" }
  /// The selector's current model file.
  var selector: String { path + "/selector.model" }
  var logs: String { path + "/logs" }
  /// What benchmarks that run, or were interrupted, were asked.
  var benchmarks: String { path + "/benchmarks" }
  /// Written by a running coordinator: the address clients and workers of this machine connect to.
  var coordinatorAddress: String { path + "/coordinator.address" }
  /// Locked by a running coordinator, so that two never share a history.
  var coordinatorLock: String { path + "/coordinator.lock" }

  /// Written by a running gateway: where it listens.
  var gatewayAddress: String { path + "/gateway.address" }
  /// API keys of the gateway, hashed.
  var gatewayKeys: String { path + "/gateway.keys" }

  func worker(_ name: String) -> String { path + "/workers/" + name }

  /// Makes the directory and those it must have. Existing ones stay as they are.
  func create() throws(ApusError) {
    for directory in [path, models, logs] { try Self.make(directory) }
  }

  /// Makes a directory within the state directory, if it is not there.
  static func make(_ directory: String) throws(ApusError) {
    do {
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    } catch {
      throw ApusError(
        .disk, "cannot make the directory \(directory): \(error.localizedDescription)",
        advice: "give a writable place with --state DIR")
    }
  }
}

import Messaging
import Serving

/// The workers that said hello and the models that are known: what rankings and lists read.
///
/// A plain value: a ranking takes a copy and goes elsewhere with it.
struct WorkerDirectory: Sendable {
  struct Entry: Sendable {
    /// Boxed: an entry is looked at for each message, its description is not.
    @Boxed var description: WorkerDescription
    /// The connection it said hello on last; nil while it is lost.
    var peer: Peer?
    /// When it was lost; nil while it lives.
    var lostAt: Duration?
    /// Fingerprints of the configurations it has loaded.
    var warmConfigurations: [String] = []
    /// It said that it stops.
    var isStopping = false
  }

  private(set) var entries: [WorkerName: Entry] = [:]
  /// From the history and from workers.
  private(set) var models: [ModelID: ModelProfile] = [:]

  mutating func know(_ model: ModelProfile) { models[model.id] = model }

  /// - Returns: what the history does not have yet.
  mutating func join(_ name: WorkerName, _ description: WorkerDescription, _ peer: Peer) -> (
    models: [ModelProfile], isNewHardware: Bool
  ) {
    let isNewHardware = entries[name]?.description.hardware != description.hardware
    entries[name] = Entry(description: description, peer: peer)
    let newModels = description.models.filter { models[$0.id] != $0 }
    for model in newModels {
      models[model.id] = model
    }
    return (newModels, isNewHardware)
  }

  mutating func lose(_ name: WorkerName, at now: Duration) {
    entries[name]?.peer = nil
    entries[name]?.lostAt = now
    entries[name]?.warmConfigurations = []
  }

  /// - Returns: whether it said so for the first time.
  mutating func retire(_ name: WorkerName) -> Bool {
    guard entries[name]?.isStopping == false else { return false }
    entries[name]!.isStopping = true
    return true
  }

  mutating func setWarm(_ configurations: [String], of name: WorkerName) {
    entries[name]?.warmConfigurations = configurations
  }

  var warmConfigurations: [WorkerName: [String]] { entries.mapValues(\.warmConfigurations) }

  func peer(of name: WorkerName) -> Peer? { entries[name]?.peer }

  /// The connection of a worker that somebody asks for by name.
  func connectedPeer(of name: WorkerName) throws(ApusError) -> Peer {
    guard let peer = peer(of: name) else { throw .notConnected(name, of: live.map(\.name)) }
    return peer
  }

  /// Live workers that have the model's file, by name.
  func live(having model: ModelID) -> [(name: WorkerName, description: WorkerDescription)] {
    live.filter { $0.description.models.contains { $0.id == model } }
  }

  /// Whether a job with tools may be for a model: its template has a place for them, nobody looked, or a server serves it
  /// that somebody else started, with a template that nobody here has seen.
  func takesTools(_ model: ModelProfile) -> Bool {
    model.takesTools != false
      || live.contains { worker in
        worker.description.engines.contains { $0.attachedModels?.contains(model.id) == true }
      }
  }

  func isAttached(_ engine: EngineName, on worker: WorkerName) -> Bool {
    entries[worker]?.description.engines.contains { $0.name == engine && $0.isAttached } ?? false
  }

  /// Workers that had the model's file and are gone, by name.
  func lost(having model: ModelID) -> [WorkerName] {
    entries.filter { $0.value.peer == nil && $0.value.description.models.contains { $0.id == model } }.keys.sorted()
  }

  var live: [(name: WorkerName, description: WorkerDescription)] {
    entries.filter { $0.value.peer != nil }.map { ($0.key, $0.value.description) }.sorted { $0.name < $1.name }
  }

  var modelStatuses: [ModelStatus] {
    models.values.map { model in
      ModelStatus(profile: model, workers: live(having: model.id).map(\.name))
    }
    .sorted { ($0.profile.name, $0.profile.id) < ($1.profile.name, $1.profile.id) }
  }
}

extension ApusError {
  /// - Parameter connected: the workers one may ask for instead.
  static func notConnected(_ worker: WorkerName, of connected: [WorkerName]) -> ApusError {
    ApusError(
      .unavailable, "no worker \(worker) is connected",
      advice: connected.isEmpty
        ? "start a worker" : "connected workers: " + connected.map(\.rawValue).joined(separator: ", "))
  }
}

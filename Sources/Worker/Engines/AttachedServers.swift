import Benchmarking
import Engines
import Serving

/// The servers this worker was attached to, asked for what they serve now.
struct AttachedServers: Sendable {
  let attachments: [Attachment]
  let worker: WorkerName

  /// A server as it answered, and its models.
  struct Seen: Sendable {
    var engine: AttachedEngine
    /// Of the library where the attachment names one; otherwise nothing but a name is known of them.
    var models: [ModelProfile]
    /// Nil where its process is not on this machine, or not ours to see.
    var process: ListeningProcess?
  }

  /// Those that answer; the others are left out until they do.
  ///
  /// - Parameter library: the models of this worker's files.
  /// - Throws: `badInput` when an attachment names a model that is not there, or a key that cannot be read.
  func look(library: [ModelProfile]) async throws(ApusError) -> [Seen] {
    var seen: [Seen] = []
    for attachment in attachments {
      if let server = try await look(attachment, library) { seen.append(server) }
    }
    return seen
  }

  private func look(_ attachment: Attachment, _ library: [ModelProfile]) async throws(ApusError) -> Seen? {
    let mapped = try attachment.model.map { model throws(ApusError) in
      try Self.named(model, in: library, attachment)
    }
    let key = try attachment.keyFile.map { path throws(ApusError) in try APIKey(readingFrom: path) }
    let client = StreamingClient(limits: RequestLimits(stallSeconds: 15, totalSeconds: 30, lineBytes: 4 << 20))
    guard var served = try? await client.servedModels(baseURL: attachment.baseURL, key: key) else { return nil }
    if let wanted = attachment.served { served.removeAll { $0.name != wanted } }
    // One model of the library is served under one name.
    if mapped != nil { served = Array(served.prefix(1)) }
    guard let first = served.first else { return nil }

    var models: [ModelID: ServedModel] = [:]
    var profiles: [ModelProfile] = []
    for name in served {
      let profile =
        mapped ?? attachment.profile(ofServed: name.name, contextLength: name.contextLength, on: worker)
      guard models[profile.id] == nil else { continue }
      models[profile.id] = ServedModel(baseURL: attachment.baseURL, name: name.name, apiKey: key)
      profiles.append(profile)
    }
    let version = await client.version(baseURL: attachment.baseURL, key: key)
    let owner = [first.owner, version ?? ""].filter { !$0.isEmpty }.joined(separator: " ")
    let port = attachment.port
    return Seen(
      engine: AttachedEngine(
        name: attachment.engineName(on: worker), version: "attached \(owner.isEmpty ? attachment.baseURL : owner)",
        models: models), models: profiles,
      process: attachment.isLoopback ? await OwnThreads.result { ListeningProcess(port: port) } : nil)
  }

  private static func named(
    _ model: String, in library: [ModelProfile], _ attachment: Attachment
  ) throws(ApusError) -> ModelProfile {
    let found =
      library.first { $0.name == model } ?? library.first { model.count >= 8 && $0.id.rawValue.hasPrefix(model) }
    guard let found else {
      throw ApusError(
        .badInput, "\(attachment.name) is to serve the model \(model), which is not in this worker's library",
        advice: "add it with `apus model add`, or leave model= out: then its speed is known, and nothing else of it")
    }
    return found
  }
}

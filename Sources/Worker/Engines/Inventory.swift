import Benchmarking
import Engines
import Serving
import Synchronization

/// The engines and models of this worker, as they were when it last looked.
final class Inventory: Sendable {
  private let engines: [any InferenceEngine]
  private let library: ModelLibrary
  private let worker: WorkerName
  private let hardware: HardwareProfile
  private let guardPath: String
  private let memoryLimitBytes: Int
  private let seen = Mutex(Seen())

  private struct Seen {
    var engines: [EngineDescription] = []
    var models: [ModelID: Model] = [:]
  }

  private struct Model {
    var profile: ModelProfile
    var path: String
  }

  init(
    engines: [any InferenceEngine], library: ModelLibrary, worker: WorkerName, hardware: HardwareProfile,
    guardPath: String, memoryLimitBytes: Int
  ) {
    self.engines = engines
    self.library = library
    self.worker = worker
    self.hardware = hardware
    self.guardPath = guardPath
    self.memoryLimitBytes = memoryLimitBytes
  }

  /// Looks anew. Blocks no cooperative thread: hashing a new model takes about a second for each gigabyte.
  ///
  /// - Throws: `unavailable` without any engine; `disk` when the models directory cannot be read.
  func look() async throws(ApusError) {
    var found: [EngineDescription] = []
    for engine in engines {
      if let description = await engine.detect() { found.append(description) }
    }
    guard !found.isEmpty else {
      let names = engines.map(\.name.rawValue).joined(separator: ", ")
      throw ApusError(
        .unavailable, "no engine is installed on \(worker); looked for \(names.isEmpty ? "none" : names)",
        advice: "`apus doctor` says how to install one.")
    }
    let library = library
    let models = try await OwnThreads.result { () -> Result<[ModelID: Model], ApusError> in
      do throws(ApusError) {
        var models: [ModelID: Model] = [:]
        for profile in try library.scan() {
          guard let path = library.path(of: profile.id) else { continue }
          models[profile.id] = Model(profile: profile, path: path)
        }
        return .success(models)
      } catch {
        return .failure(error)
      }
    }.get()
    seen.withLock { $0 = Seen(engines: found, models: models) }
  }

  var installedEngines: [EngineDescription] { seen.withLock { $0.engines } }
  var models: [ModelProfile] { seen.withLock { $0.models.values.map(\.profile) }.sorted { $0.name < $1.name } }
  func has(_ model: ModelID) -> Bool { seen.withLock { $0.models[model] != nil } }

  /// What trials and jobs need of this machine; it stays as it is when this looks again.
  var host: EngineHost {
    let seen = seen.withLock { $0 }
    let models = seen.models
    return EngineHost(
      engines: engines.filter { engine in seen.engines.contains { $0.name == engine.name } },
      modelPath: { models[$0]?.path }, profile: { models[$0]?.profile },
      worker: worker, hardware: hardware,
      engineVersions: Dictionary(seen.engines.map { ($0.name, $0.version) }, uniquingKeysWith: { first, _ in first }),
      guardPath: guardPath, memoryLimitBytes: memoryLimitBytes)
  }
}

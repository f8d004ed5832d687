import Benchmarking
import Engines
import Serving
import Synchronization

/// The engines and models of this worker, as they were when it last looked.
final class Inventory: Sendable {
  private let engines: [any InferenceEngine]
  private let library: ModelLibrary
  private let attached: AttachedServers
  private let worker: WorkerName
  private let hardware: HardwareProfile
  private let guardPath: String
  private let memoryLimitBytes: Int
  private let memoryGuard: MemoryGuard
  private let energyMeter: EnergyMeter?
  private let lessons: MemoryLessons
  private let seen: Mutex<Seen>
  private let lastGlance = Mutex(ModelLibrary.Glance())

  fileprivate struct Seen {
    /// With the engines that compute on its GPUs.
    var hardware: HardwareProfile
    var engines: [EngineDescription] = []
    var models: [ModelID: Model] = [:]
    var attached: [AttachedServers.Seen] = []
    /// That this process may use.
    var cores = CPUList([])
    /// At the files that the models were read from.
    var files = ModelLibrary.Glance()
  }

  fileprivate struct Model {
    var profile: ModelProfile
    var path: String
  }

  init(
    engines: [any InferenceEngine], library: ModelLibrary, attachments: [Attachment] = [], worker: WorkerName,
    hardware: HardwareProfile, guardPath: String, memoryLimitBytes: Int, memoryGuard: MemoryGuard,
    energyMeter: EnergyMeter?, lessons: MemoryLessons
  ) {
    self.engines = engines
    self.library = library
    attached = AttachedServers(attachments: attachments, worker: worker)
    self.worker = worker
    self.hardware = hardware
    self.guardPath = guardPath
    self.memoryLimitBytes = memoryLimitBytes
    self.memoryGuard = memoryGuard
    self.energyMeter = energyMeter
    self.lessons = lessons
    seen = Mutex(Seen(hardware: hardware))
  }

  /// Looks anew. Blocks no cooperative thread: hashing a new model takes about a second for each gigabyte.
  ///
  /// - Throws: `unavailable` without any engine and without a server that may still come; `disk` when the models
  ///   directory cannot be read; `badInput` when an attachment names a model that is not there.
  func look() async throws(ApusError) {
    var found: [EngineDescription] = []
    var accelerated: [EngineName] = []
    for engine in engines {
      guard let description = await engine.detect() else { continue }
      found.append(description)
      if !hardware.accelerators.isEmpty, await engine.computesOnAccelerators() { accelerated.append(engine.name) }
    }
    var hardware = hardware
    for index in hardware.accelerators.indices { hardware.accelerators[index].engines = accelerated.sorted() }
    guard !found.isEmpty || !attached.attachments.isEmpty else {
      let names = engines.map(\.name.rawValue).joined(separator: ", ")
      throw ApusError(
        .unavailable, "no engine is installed on \(worker); looked for \(names.isEmpty ? "none" : names)",
        advice: "`apus doctor` says how to install one.")
    }
    let library = library
    let (models, files) = try await OwnThreads.result {
      () -> Result<([ModelID: Model], ModelLibrary.Glance), ApusError> in
      do throws(ApusError) {
        // Before they are read: what changes meanwhile is seen next time.
        let files = library.glance()
        var models: [ModelID: Model] = [:]
        for profile in try library.scan() {
          guard let path = library.path(of: profile.id) else { continue }
          models[profile.id] = Model(profile: profile, path: path)
        }
        return .success((models, files))
      } catch {
        return .failure(error)
      }
    }.get()
    let servers = try await attached.look(library: models.values.map(\.profile))
    let all = Seen(
      hardware: hardware, engines: found, models: models, attached: servers, cores: CPUAffinity.current(), files: files)
    seen.withLock { $0 = all }
  }

  /// Whether models' files came, went or changed since it last looked, and did not change since this was last asked: one
  /// that is being copied is not read.
  func modelsHaveChanged() async -> Bool {
    let library = library
    let now = await OwnThreads.result { library.glance() }
    let isStill = lastGlance.withLock { last in
      defer { last = now }
      return last == now
    }
    return isStill && now != seen.withLock { $0.files }
  }

  /// As it was measured, with the engines that compute on its GPUs.
  var describedHardware: HardwareProfile { seen.withLock { $0.hardware } }
  var installedEngines: [EngineDescription] { seen.withLock { $0.engines + $0.attached.map(\.engine.description) } }
  /// Those of files, and those that only an attached server has.
  var models: [ModelProfile] { seen.withLock { Array($0.profiles.values) }.sorted { $0.name < $1.name } }
  var refusedModels: [ModelLibrary.Refusal] { library.refusals }
  func has(_ model: ModelID) -> Bool { path(of: model) != nil }
  func path(of model: ModelID) -> String? { seen.withLock { $0.models[model]?.path } }

  /// What trials and jobs need of this machine; it stays as it is when this looks again.
  var host: EngineHost {
    let seen = seen.withLock { $0 }
    let models = seen.models
    let profiles = seen.profiles
    return EngineHost(
      engines: engines.filter { engine in seen.engines.contains { $0.name == engine.name } }
        + seen.attached.map(\.engine),
      modelPath: { models[$0]?.path }, profile: { profiles[$0] },
      worker: worker, hardware: seen.hardware,
      engineVersions: Dictionary(
        (seen.engines + seen.attached.map(\.engine.description)).map { ($0.name, $0.version) },
        uniquingKeysWith: { first, _ in first }),
      guardPath: guardPath, memoryLimitBytes: memoryLimitBytes,
      attachedProcesses: Dictionary(
        seen.attached.compactMap { server in server.process.map { (server.engine.name, $0) } },
        uniquingKeysWith: { first, _ in first }), processors: seen.cores, memoryGuard: memoryGuard,
      corrections: lessons.corrections, energyMeter: energyMeter)
  }
}

extension Inventory.Seen {
  fileprivate var profiles: [ModelID: ModelProfile] {
    attached.flatMap(\.models).reduce(into: models.mapValues(\.profile)) { $0[$1.id] = $0[$1.id] ?? $1 }
  }
}
